"""The reference's model classes out of PyPI's imagebind-unofficial.

    pip install torch timm einops ftfy regex iopath
    pip install --no-deps imagebind-unofficial

imagebind/__init__.py also imports the loaders, which need torchaudio, pytorchvideo and an old
setuptools; this module enters imagebind.models without it.
"""

import importlib.util
import sys
import types

if "imagebind" not in sys.modules:
    _package = types.ModuleType("imagebind")
    _package.__path__ = list(importlib.util.find_spec("imagebind").submodule_search_locations)
    sys.modules["imagebind"] = _package

from imagebind.models import imagebind_model  # noqa: E402, F401
from imagebind.models import multimodal_preprocessors  # noqa: E402, F401


def randomise(model, generator):
    """Weights under which every tensor matters: biases, norms and positions are not near zero."""
    for name, tensor in model.state_dict().items():
        if name.endswith("mask") or "log_logit_scale" in name:
            continue
        if name.endswith(("bias", "bias_k", "bias_v", "pos_embed", "cls_token")):
            tensor.normal_(0.0, 0.5, generator=generator)
        elif tensor.dim() == 1:  # of norms
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif "token_embedding" in name:
            tensor.normal_(generator=generator)
        else:
            fan_in = tensor[0].numel()
            tensor.normal_(0.0, fan_in**-0.5, generator=generator)
