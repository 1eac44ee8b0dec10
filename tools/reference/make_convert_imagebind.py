"""Writes the ImageBind part of tests/fixtures/convert/: a safetensors file of the reference library
and vocabularies like CLIP's. The checkpoint itself is tiny.pth of make_imagebind_fixtures.py.

    pip install torch safetensors
    python make_convert_imagebind.py

The gzip and zip files carry no times, so that they come out the same again.
"""

import gzip
import pathlib
import zipfile

import torch
from safetensors.torch import save_file

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "convert"
VOCABULARY_FILE = "bpe_simple_vocab_16e6.txt"


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
    # 105 merges, more than the tests need.
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
    make_safetensors()
    make_vocabularies()


if __name__ == "__main__":
    main()
