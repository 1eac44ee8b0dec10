"""The reference's own loaders (imagebind/data.py) on today's Python packages.

    pip install torch torchvision torchaudio soundfile gguf
    pip install --no-deps imagebind-unofficial pytorchvideo decord fvcore iopath

Replaced, because the packages have moved on since the reference was written: torchaudio.load (now
torchcodec) reads through soundfile, with the same values for WAV and FLAC; torchvision's module that
pytorchvideo imports has another name; pytorchvideo's released EncodedVideo.from_path doesn't take
the argument that the reference passes on to it.
"""

import importlib
import io
import sys
import types
from pathlib import Path

import gguf
import numpy as np
import soundfile
import torch
import torchvision


def _stub(name: str, **members) -> None:
    """For what imagebind imports and the loaders don't use."""
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(members)


sys.modules["torchvision.transforms.functional_tensor"] = torchvision.transforms.functional
_stub("pkg_resources", resource_filename=lambda *_: "")
_stub("ftfy")
_stub("einops", rearrange=None)
_stub("timm")
_stub("timm.models")
_stub("timm.models.layers", DropPath=None, trunc_normal_=None)

import torchaudio  # noqa: E402
from pytorchvideo.data import encoded_video_decord  # noqa: E402
from pytorchvideo.data.encoded_video import EncodedVideo  # noqa: E402


def load_audio(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), rate


def open_video(path, decode_audio, **_):
    path = Path(path)
    return encoded_video_decord.EncodedVideoDecord(
        io.BytesIO(path.read_bytes()), path.name, decode_audio
    )


torchaudio.load = load_audio
EncodedVideo.from_path = staticmethod(lambda path, **options: open_video(path, **options))

from imagebind import data  # noqa: E402, F401


def picked(values, step: int) -> np.ndarray:
    """Every step-th number: a small sample that still meets every row and column."""
    return np.asarray(values, dtype=np.float32).reshape(-1)[::step].copy()


def write_gguf(path: Path, tensors: dict) -> None:
    writer = gguf.GGUFWriter(str(path), "pandagpt-fixture")
    for name, values in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
