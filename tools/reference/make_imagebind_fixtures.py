"""Writes tests/fixtures/imagebind/: a tiny ImageBind with random weights under the official names,
and what the reference code computes with it.

    pip install gguf, and what imagebind_reference.py needs
    python make_imagebind_fixtures.py

tiny.pth            the state dict, as imagebind_huge.pth is published
tiny.json           the sizes of its towers, with the names of the encoders file's metadata
tiny_expected.gguf  text.tokens; for each tower (and "video", two frames for the vision tower) every
                    block's output TOWER.blockN as (inputs, tokens, width), TOWER.embedding, and
                    for some TOWER.mean, the inputs as clips of one. The inputs are of `pattern`.

The classes are the reference's own; only the sizes of inputs and towers are smaller. Everything is
seeded, and computed in doubles, so that what is expected has no rounding of its own.
"""

import functools
import json
import pathlib

import gguf
import numpy as np
import torch
from torch import nn

from imagebind_reference import imagebind_model, randomise
from imagebind_reference import multimodal_preprocessors as stems

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "imagebind"
EMBEDDING_LENGTH = 20
N_INPUTS = 2

# Rows as in the metadata of an encoders file. Input: channels, frames, height, width. What the
# converter can't tell from the tensors' shapes is ImageBind-Huge's: the audio's input, and strides
# like the kernels. Widths that are a multiple of 32 can be stored as q8_0, others can't.
TOWERS = {
    "vision": {"width": 32, "block_count": 2, "head_count": 4, "input": [3, 2, 18, 18],
               "kernel": [2, 6, 6], "stride": [2, 6, 6]},
    "text": {"width": 32, "block_count": 2, "head_count": 2, "context_length": 40,
             "vocab_size": 520},
    "audio": {"width": 32, "block_count": 2, "head_count": 4, "input": [1, 1, 128, 204],
              "kernel": [1, 16, 16], "stride": [1, 10, 10]},
    "depth": {"width": 24, "block_count": 2, "head_count": 3, "input": [1, 1, 24, 24],
              "kernel": [1, 8, 8], "stride": [1, 8, 8]},
    "thermal": {"width": 24, "block_count": 2, "head_count": 2, "input": [1, 1, 16, 16],
                "kernel": [1, 4, 4], "stride": [1, 4, 4]},
    "imu": {"width": 16, "block_count": 2, "head_count": 2, "input": [6, 1, 1, 56],
            "kernel": [1, 1, 8], "stride": [1, 1, 8]},
}


def patch_embedding(tower, width):
    row = TOWERS[tower]
    channels, frames = row["input"][:2]
    if tower == "imu":
        proj = [nn.Linear(channels * row["kernel"][2], width, bias=False)]
    elif tower == "vision":
        proj = [stems.PadIm2Video(pad_type="repeat", ntimes=frames),
                nn.Conv3d(channels, width, kernel_size=tuple(row["kernel"]),
                          stride=tuple(row["stride"]), bias=False)]
    else:
        proj = [nn.Conv2d(channels, width, kernel_size=row["kernel"][1:],
                          stride=row["stride"][1:], bias=False)]
    norm = None if tower == "vision" else nn.LayerNorm(normalized_shape=width)
    return stems.PatchEmbedGeneric(proj_stem=proj, norm_layer=norm)


class TinyImageBind(imagebind_model.ImageBindModel):
    """The reference's model with smaller inputs, which its constructor has no parameters for."""

    def __init__(self):
        sizes = {}
        for tower, row in TOWERS.items():
            sizes |= {f"{tower}_embed_dim": row["width"], f"{tower}_num_blocks": row["block_count"],
                      f"{tower}_num_heads": row["head_count"]}
        super().__init__(out_embed_dim=EMBEDDING_LENGTH, **sizes)

    def _create_modality_preprocessors(self, *_):
        positions = functools.partial(stems.SpatioTemporalPosEmbeddingHelper, learnable=True)
        result = {}
        for tower, row in TOWERS.items():
            width = row["width"]
            if tower == "text":
                result[tower] = stems.TextPreprocessor(
                    context_length=row["context_length"], vocab_size=row["vocab_size"],
                    embed_dim=width, causal_masking=True)
                continue
            channels, frames, height, samples = row["input"]
            stem = patch_embedding(tower, width)
            shared = {"num_cls_tokens": 1, "pos_embed_fn": positions}
            if tower == "imu":
                result[tower] = stems.IMUPreprocessor(
                    img_size=[channels, samples], kernel_size=row["kernel"][2], embed_dim=width,
                    imu_stem=stem, **shared)
            elif tower == "vision":
                result[tower] = stems.RGBDTPreprocessor(
                    img_size=row["input"], rgbt_stem=stem, depth_stem=None, **shared)
            else:
                size = [channels, height, samples]
                result[tower] = {
                    "audio": lambda: stems.AudioPreprocessor(
                        img_size=size, audio_stem=stem, **shared),
                    "depth": lambda: stems.RGBDTPreprocessor(
                        img_size=size, rgbt_stem=None, depth_stem=stem, **shared),
                    "thermal": lambda: stems.ThermalPreprocessor(
                        img_size=size, thermal_stem=stem, **shared),
                }[tower]()
        return nn.ModuleDict(result)


def pattern(*shape):
    """The test computes the same numbers: exact in binary, between -1 and 1."""
    numbers = np.arange(np.prod(shape), dtype=np.int64) * 7919 % 16381
    return torch.from_numpy(numbers / 8192 - 1).reshape(shape)


def random_texts(generator):
    """Start token, words, end token (the largest), zeros; as the reference's tokenizer gives."""
    row = TOWERS["text"]
    end = row["vocab_size"] - 1
    lengths = (3, 17, row["context_length"] - 2)
    tokens = torch.zeros(len(lengths), row["context_length"], dtype=torch.long)
    for text, n_words in zip(tokens, lengths):
        text[0] = end - 1
        text[1:n_words + 1] = torch.randint(1, end - 1, (n_words,), generator=generator)
        text[n_words + 1] = end
    return tokens


def compute(model, tower, values):
    """Embeddings, and (inputs, tokens, width) after each block."""
    blocks = []
    hooks = [block.register_forward_hook(lambda _, __, out: blocks.append(out.transpose(0, 1)))
             for block in model.modality_trunks[tower].blocks]
    with torch.no_grad():
        embeddings = model({tower: values})[tower]
    for hook in hooks:
        hook.remove()
    return embeddings, blocks


def expected_of(model, tower, name, values):
    embeddings, blocks = compute(model, tower, values)
    result = {f"{name}.embedding": embeddings}
    result |= {f"{name}.block{i}": block for i, block in enumerate(blocks)}
    return result


def expected_tensors(model, generator):
    result = {}
    for tower, row in TOWERS.items():
        if tower == "text":
            tokens = random_texts(generator)
            result["text.tokens"] = tokens
            result |= expected_of(model, tower, tower, tokens)
            continue
        # The reference's shapes: no side of its own for one frame, nor for the IMU's height.
        channels, frames, height, width = row["input"]
        shape = [channels, width] if tower == "imu" else [channels, height, width]
        values = pattern(N_INPUTS, *shape)
        result |= expected_of(model, tower, tower, values)
        if tower == "vision":
            video = pattern(N_INPUTS, channels, frames, height, width)
            result |= expected_of(model, tower, "video", video[:, None])  # one view each
        if tower in ("vision", "audio"):  # the inputs as the clips of one
            with torch.no_grad():
                result[f"{tower}.mean"] = model({tower: values[None]})[tower]
    return result


def write_expected(path, tensors):
    writer = gguf.GGUFWriter(str(path), "pandagpt-fixture")
    writer.add_string("fixture.generator", "tools/reference/make_imagebind_fixtures.py")
    for name, tensor in tensors.items():
        # Four dimensions are the format's most; memory order is all that counts.
        flat = tensor.reshape(tensor.shape[0], -1).numpy()
        is_integer = np.issubdtype(flat.dtype, np.integer)
        writer.add_tensor(name, np.ascontiguousarray(flat, np.int32 if is_integer else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(1)
    model = TinyImageBind().eval()
    randomise(model, generator)
    # exp(5) is above the limit of 100.
    nn.init.constant_(model.modality_postprocessors["text"][1].log_logit_scale, 5.0)
    torch.save(model.state_dict(), FIXTURES / "tiny.pth")
    for row in TOWERS.values():
        row["feed_forward_length"] = 4 * row["width"]  # SimpleTransformer's mlp_ratio
    sizes = {"embedding_length": EMBEDDING_LENGTH, "towers": TOWERS}
    (FIXTURES / "tiny.json").write_text(json.dumps(sizes, indent=1) + "\n")
    write_expected(FIXTURES / "tiny_expected.gguf", expected_tensors(model.double(), generator))


if __name__ == "__main__":
    main()
