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
