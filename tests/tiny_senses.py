"""A model folder with the towers of all senses and of text: tiny, random, from the fixtures of other tests."""

import hashlib
import json
import pathlib
import shutil
import struct
import subprocess

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
SIZES = json.loads((FIXTURES / "imagebind" / "tiny.json").read_text())
N_EMBD = 32  # of tiny-panda's language model
ALIGNMENT = 32
UINT32, STRING, F32 = 4, 8, 0  # GGUF's numbers of types


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def write_projector(path, n_in, n_embd):
    """GGUF (github.com/ggml-org/ggml, docs/gguf.md) of src/pipeline/projector.h's keys: some matrix without bias."""
    keys = text("general.architecture") + struct.pack("<I", STRING) + text("pandagpt-projector")
    for key, value in (("n_image_tokens", 1), ("n_in", n_in), ("n_embd", n_embd)):
        keys += text("pandagpt.projector." + key) + struct.pack("<II", UINT32, value)
    weight = struct.pack(f"<{n_in * n_embd}f", *((i * 7 % 11 - 5) / 10 for i in range(n_in * n_embd)))
    bias = bytes(4 * n_embd)
    tensors = text("llama_proj.weight") + struct.pack("<IQQIQ", 2, n_in, n_embd, F32, 0)
    tensors += text("llama_proj.bias") + struct.pack("<IQIQ", 1, n_embd, F32, len(weight))
    header = b"GGUF" + struct.pack("<IQQ", 3, 2, 4) + keys + tensors
    assert len(weight) % ALIGNMENT == 0
    path.write_bytes(header + bytes(-len(header) % ALIGNMENT) + weight + bias)


def entry(path):
    content = path.read_bytes()
    return {"path": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def make(program, folder):
    """Writes the folder. `program`: pandagpt, which converts the encoders."""
    folder = pathlib.Path(folder)
    heads = ",".join(f"{name}={tower['head_count']}" for name, tower in SIZES["towers"].items())
    subprocess.run([program, "convert", "imagebind", FIXTURES / "imagebind" / "tiny.pth", "--vocab",
                    FIXTURES / "convert" / "imagebind_unofficial-0-py3-none-any.whl", "--type", "f32", "--heads",
                    heads, "-o", folder / "encoders.gguf"], check=True, capture_output=True)
    write_projector(folder / "projector.gguf", SIZES["embedding_length"], N_EMBD)
    shutil.copy(FIXTURES / "tiny-panda" / "llm.gguf", folder)
    manifest = json.loads((FIXTURES / "tiny-panda" / "panda.json").read_text())
    manifest.update(name="tiny-senses", limitations="It knows one sentence.", licence_note="For tests only.",
                    embedding_width=SIZES["embedding_length"],
                    files={role: entry(folder / (role + ".gguf")) for role in ("encoders", "projector", "llm")})
    (folder / "panda.json").write_text(json.dumps(manifest))
    return folder
