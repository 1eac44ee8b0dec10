#!/usr/bin/env bash
# One would guess: a reader that crops a HEIC picture by its clean aperture (`clap`) shows the same
# pixels as the same rectangle cut out of the whole decoded picture.
# So it is: that holds only where the crop begins on an even row and column. In a 4:2:0 picture one
# colour sample serves two rows and two columns; with an odd beginning the crop leaves the colours
# half a sample beside the luma, and nothing tells the caller.
# Seen with pillow_heif 1.8.1 (libheif 1.23.6). Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    pillow_heif==1.8.1 pillow==13.0.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys

import numpy as np
import PIL
import pillow_heif
from PIL import Image

WIDTH, HEIGHT = 72, 64
pillow_heif.register_heif_opener()


def drawing():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
    red = 255 * x
    green = 128 + 120 * np.sin(9 * x + 5 * y)
    blue = np.where((x - 0.3) ** 2 + (y - 0.2) ** 2 < 0.02, 250, 60 + 150 * y)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def encode(chroma):
    stream = io.BytesIO()
    drawing().save(stream, "HEIF", quality=80, chroma=chroma)
    return stream.getvalue()


# Boxes (ISO/IEC 14496-12, 23008-12)


def box(kind, *parts):
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind.encode()) + content


def full_box(kind, version, flags, *parts):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def boxes(content):
    found, at = [], 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        found.append((kind.decode(), content[at + 8:at + size], content[at:at + size]))
        at += size
    return found


def child(content, kind):
    return next(inner for name, inner, _ in boxes(content) if name == kind)


def clap(left, top, width, height):
    """The offset goes from the picture's middle to the crop's, in halves of a pixel."""
    right = (2 * left + width - WIDTH) & 0xFFFFFFFF
    down = (2 * top + height - HEIGHT) & 0xFFFFFFFF
    return box("clap", struct.pack(">8I", width, 1, height, 1, right, 2, down, 2))


def heic(encoded, crop=None):
    """The coded picture of an encoder's file, in a file of its own, with a crop or without."""
    properties = boxes(child(child(child(encoded, "meta")[4:], "iprp"), "ipco"))
    kept = [full_box("ispe", 0, 0, struct.pack(">II", WIDTH, HEIGHT))]
    kept += [whole for name, _, whole in properties if name in ("hvcC", "colr", "pixi")]
    if crop:
        kept.append(clap(*crop))
    essential = [0x80 if one[4:8] in (b"hvcC", b"clap") else 0 for one in kept]
    places = bytes(flag | number for number, flag in enumerate(essential, 1))
    data = child(encoded, "mdat")
    ftyp = box("ftyp", b"heic", bytes(4), b"mif1heicmiaf")

    def meta(data_at):
        place = struct.pack(">HHHHII", 1, 1, 0, 1, data_at, len(data))
        return full_box(
            "meta", 0, 0,
            full_box("hdlr", 0, 0, struct.pack(">I4s12x", 0, b"pict"), b"\0"),
            full_box("pitm", 0, 0, struct.pack(">H", 1)),
            full_box("iinf", 0, 0, struct.pack(">H", 1),
                     full_box("infe", 2, 0, struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0")),
            box("iprp", box("ipco", *kept),
                full_box("ipma", 0, 0, struct.pack(">IHB", 1, 1, len(kept)), places)),
            full_box("iloc", 0, 0, b"\x44\x00", place))

    return ftyp + meta(len(ftyp) + len(meta(0)) + 8) + box("mdat", data)


def pixels(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)


# What is seen: (chroma, crop's left, top, width, height) -> are the pixels equal?
EXPECTED = {
    ("420", 16, 16, 40, 32): True,
    ("420", 16, 17, 40, 30): False,
    ("420", 17, 16, 38, 32): False,
    ("420", 17, 17, 38, 30): False,
    ("444", 17, 17, 38, 30): True,
}

print(f"pillow_heif {pillow_heif.__version__}, libheif {pillow_heif.libheif_version()}, "
      f"Pillow {PIL.__version__}, numpy {np.__version__}")
changed = 0
for (chroma, left, top, width, height), expected in EXPECTED.items():
    encoded = encode(chroma)
    whole = pixels(heic(encoded))
    cropped = pixels(heic(encoded, (left, top, width, height)))
    assert whole.shape == (HEIGHT, WIDTH, 3) and cropped.shape == (height, width, 3)
    difference = np.abs(cropped - whole[top:top + height, left:left + width])
    equal = not difference.any()
    mean = f"{difference.mean():.2f}"
    seen = "equal" if equal else f"up to {difference.max()} levels off, mean {mean}"
    print(f"{chroma}, {width} x {height} from column {left}, row {top}: {seen}"
          f"{'' if equal == expected else '  <- CHANGED'}")
    changed += equal != expected
sys.exit(f"{changed} of {len(EXPECTED)} have changed" if changed else 0)
PYTHON
