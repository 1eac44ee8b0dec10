#!/usr/bin/env python3
"""Completes tests/fixtures/tiny-panda, after make_llm_fixtures.py: a vision tower of a few KB with
random weights and the manifest. File formats: src/encoders/encoder_keys.h, src/pipeline/manifest.h.

    python tools/reference/make_tiny_panda.py          needs: numpy gguf
"""

import hashlib
import json

import gguf
import numpy as np

from make_llm_fixtures import FIXTURES, N_CTX, N_EMBEDDING, write

FOLDER = FIXTURES / "tiny-panda"
IMAGE_SIZE, STEM_CHANNELS = 32, 4
# kernel, stride, expansion, output channels of each block
BLOCKS = [(3, 1, 1, 4), (3, 2, 2, 8)]


def write_encoders(path, rng):
    writer = gguf.GGUFWriter(path, "pandagpt-encoders")
    writer.add_uint32("pandagpt.format_version", 1)
    writer.add_uint32("pandagpt.embedding_length", N_EMBEDDING)
    vision = "pandagpt.vision."
    writer.add_string(vision + "architecture", "efficientnet-lite")
    for key, value in {"image_size": IMAGE_SIZE, "resize_short_side": IMAGE_SIZE,
                       "stem.channels": STEM_CHANNELS, "stem.kernel": 3, "stem.stride": 2,
                       "head.channels": N_EMBEDDING}.items():
        writer.add_uint32(vision + key, value)
    writer.add_array(vision + "image_mean", [0.5, 0.5, 0.5])
    writer.add_array(vision + "image_std", [0.5, 0.5, 0.5])
    writer.add_bool(vision + "normalize", True)
    writer.add_float32(vision + "output_scale", 1.0)
    for at, key in enumerate(("kernels", "strides", "expansions", "channels")):
        # GGUFWriter makes signed arrays of Python's integers; the format has unsigned ones
        key = vision + "block." + key
        writer.add_key_value(key, [block[at] for block in BLOCKS], gguf.GGUFValueType.ARRAY,
                             sub_type=gguf.GGUFValueType.UINT32)

    def layer(name, *shape):  # numpy order: the slowest dimension first
        fan_in = shape[0] if len(shape) == 3 and shape[0] == shape[1] else np.prod(shape[1:])
        weight = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
        channels = shape[-1] if name.endswith("depthwise") else shape[0]
        writer.add_tensor(name + ".weight", weight.astype(np.float32))
        writer.add_tensor(name + ".bias", (rng.random(channels) * 0.2).astype(np.float32))

    layer("vision.stem", STEM_CHANNELS, 3, 3, 3)
    channels = STEM_CHANNELS
    for index, (kernel, _, expansion, out) in enumerate(BLOCKS):
        block, inner = f"vision.block.{index}.", channels * expansion
        if expansion > 1:
            layer(block + "expand", inner, channels)
        layer(block + "depthwise", kernel, kernel, inner)
        layer(block + "project", out, inner)
        channels = out
    layer("vision.head", N_EMBEDDING, channels)
    write(writer)


def entry(name):
    content = (FOLDER / name).read_bytes()
    return {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def main():
    write_encoders(FOLDER / "encoders.gguf", np.random.default_rng(7))
    manifest = {
        "name": "tiny-panda",
        "licence": "Apache-2.0",
        "provenance": "random weights and a scripted answer, made by tools/reference",
        "embedding_width": N_EMBEDDING,
        "files": {role: entry(role + ".gguf") for role in ("encoders", "projector", "adapter", "llm")},
        "n_ctx": N_CTX,
        "prompt": {"answer_prefix": " "},
        "sampling": {"max_tokens": 64, "temperature": 1.0, "top_p": 0.01},
        "examples": ["What is it?"],
    }
    (FOLDER / "panda.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
