"""Writes the ImageBind part of tests/fixtures/convert/: a small state dict of the reference's own
class, a safetensors file of the reference library, and CLIP-like vocabularies.

    pip install torch safetensors einops ftfy iopath regex timm
    pip install --no-deps imagebind-unofficial
    python make_convert_imagebind.py

Everything is seeded; gzip and zip carry no times.
"""

import gzip
import importlib.util
import pathlib
import sys
import types
import zipfile

import torch
from safetensors.torch import save_file

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "convert"
VOCABULARY = 600  # instead of CLIP's 49408 tokens: two for each byte, 86 merges, start and end
VOCABULARY_FILE = "bpe_simple_vocab_16e6.txt"


def imagebind_model_class():
    """The package's __init__ imports the audio and video libraries, which are not needed here."""
    spec = importlib.util.find_spec("imagebind")
    package = types.ModuleType("imagebind")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["imagebind"] = package
    from imagebind.models.imagebind_model import ImageBindModel
    return ImageBindModel


def make_state_dict():
    model = imagebind_model_class()(
        out_embed_dim=12, vision_embed_dim=8, vision_num_blocks=2, vision_num_heads=2,
        text_embed_dim=8, text_num_blocks=1, text_num_heads=2,
        audio_embed_dim=8, audio_num_blocks=1, audio_num_heads=2,
        depth_embed_dim=8, depth_num_blocks=1, depth_num_heads=2, depth_kernel_size=32,
        thermal_embed_dim=8, thermal_num_blocks=1, thermal_num_heads=2,
        imu_embed_dim=8, imu_num_blocks=1, imu_num_heads=2)
    state = model.state_dict()
    embedding = "modality_preprocessors.text.token_embedding.weight"
    state[embedding] = state[embedding][:VOCABULARY].clone()
    generator = torch.Generator().manual_seed(4)
    for name, tensor in state.items():
        if not name.endswith(("text.mask", "log_logit_scale")):
            # Sixteenths from -1 to 1: exact in every type but q8_0, and they pack well.
            tensor.copy_(torch.randint(-16, 17, tensor.shape, generator=generator) / 16)
    return state


def make_safetensors():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors = {"f64": base.double(), "f32": base, "f16": base.half(), "bf16": base.bfloat16(),
               "i64": base.long(), "i32": base.int(), "i16": base.short(),
               "i8": base.to(torch.int8), "u8": base.to(torch.uint8), "bool": base > 11,
               "u16": base.to(torch.uint16), "u32": base.to(torch.uint32),
               "u64": base.to(torch.uint64), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}
    save_file(tensors, FIXTURES / "types.safetensors", metadata={"format": "pt"})


def make_vocabularies():
    lines = ['"bpe_simple_vocab_16e6.txt#version: 0.2']
    # Merges of what the alphabet has, then of the results; the file is longer than what is needed.
    lines += [f"{a} {b}</w>" for a in "aeiou" for b in "bcdfghjklmnpqrstvwxyz"]
    packed = gzip.compress("\n".join(lines).encode() + b"\n", mtime=0)
    folder = FIXTURES / "vocabulary"
    folder.mkdir(exist_ok=True)
    (folder / (VOCABULARY_FILE + ".gz")).write_bytes(packed)
    wheel = FIXTURES / "imagebind_unofficial-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [("imagebind/__init__.py", b"\n" * 100),
                              (f"imagebind/bpe/{VOCABULARY_FILE}.gz", packed)]:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    torch.save(make_state_dict(), FIXTURES / "imagebind_tiny.pt")
    make_safetensors()
    make_vocabularies()


if __name__ == "__main__":
    main()
