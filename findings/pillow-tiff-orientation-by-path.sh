#!/usr/bin/env bash
# One would guess: Pillow gives the same pixels of a TIFF file, whether it is opened by its path or
# from its bytes.
# So it is: not where the file has no compression and an Orientation of 5 to 8 (a quarter turn), in
# the modes L, I;16, RGBA and CMYK. Opened from bytes it is turned rightly; opened by its path, the
# pixels are read with rows of the turned picture's width, and the result is scrambled and of the
# wrong shape. Nothing is said.
# Seen with Pillow 13.0.0. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    pillow==13.0.0 numpy==2.4.6

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import PIL
from PIL import Image

ORIENTATION_TAG = 274
HEIGHT, WIDTH = 30, 40
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
grey = (3 * x + 2 * y).astype(np.uint8)
ARRAYS = {"L": grey, "I;16": 100 * grey.astype(np.uint16), "RGBA": np.dstack([grey] * 4),
          "RGB": np.dstack([grey] * 3), "F": grey.astype(np.float32)}
# As the TIFF specification has them: the stored rows and columns -> the picture to be seen.
UPRIGHT = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1],
           4: lambda a: a[::-1], 5: lambda a: np.swapaxes(a, 0, 1), 6: lambda a: np.rot90(a, -1),
           7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1), 8: lambda a: np.rot90(a)}


def is_right(picture, expected):
    found = np.asarray(picture)
    return found.shape == expected.shape and bool((found == expected).all())


print(f"Pillow {PIL.__version__}, numpy {np.__version__}")
changed = 0
for compression in (None, "tiff_adobe_deflate"):
    for mode, stored in ARRAYS.items():
        wrong = []
        for orientation, turn in UPRIGHT.items():
            exif = Image.Exif()
            exif[ORIENTATION_TAG] = orientation
            Image.fromarray(stored).save("it.tif", exif=exif, compression=compression)
            with open("it.tif", "rb") as file:
                content = file.read()
            expected = turn(stored)
            assert is_right(Image.open(io.BytesIO(content)), expected), "wrong from bytes, too"
            if not is_right(Image.open("it.tif"), expected):
                wrong.append(orientation)
        is_mapped = compression is None and mode in ("L", "I;16", "RGBA")
        usual = [5, 6, 7, 8] if is_mapped else []
        print(f"{mode:5} {compression or 'no compression'}: by its path wrong for Orientation "
              f"{wrong or 'none'}{'' if wrong == usual else '  <- CHANGED'}")
        changed += wrong != usual
sys.exit(f"{changed} of {2 * len(ARRAYS)} have changed" if changed else 0)
PYTHON
