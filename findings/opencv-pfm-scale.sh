#!/usr/bin/env bash
# One would guess: cv2.imread gives the numbers that a PFM file holds, as Pillow does.
# So it is: it divides them by the size of the third number in the header, whose sign tells the byte
# order. Most writers put 1 there, cv2.imwrite too, so their files show nothing of it. With another
# number, such as 1/255, disparities come out 255 times too large, and depth 255 times too near.
# Seen with opencv-python-headless 5.0.0.93. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import cv2
import numpy as np
import PIL
from PIL import Image

disparities = np.linspace(10, 80, 12, dtype=np.float32).reshape(3, 4)
print(f"OpenCV {cv2.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}")
changed = 0
for scale, byte_order, factor in (("-1.0", "<", 1), ("1.0", ">", 1),
                                  ("-0.003922", "<", 1 / 0.003922), ("-2", "<", 0.5)):
    with open("it.pfm", "wb") as file:
        file.write(f"Pf\n4 3\n{scale}\n".encode())
        file.write(disparities[::-1].astype(byte_order + "f4").tobytes())
    found = cv2.imread("it.pfm", cv2.IMREAD_UNCHANGED)
    by_pillow = np.asarray(Image.open("it.pfm"))
    as_seen = (np.allclose(found, disparities * factor, rtol=1e-4)
               and np.array_equal(by_pillow, disparities))
    print(f"scale {scale:>9}: the file's 10.00 is {found[0, 0]:.2f} in OpenCV, "
          f"{by_pillow[0, 0]:.2f} in Pillow{'' if as_seen else '  <- CHANGED'}")
    changed += not as_seen
sys.exit(f"{changed} of 4 have changed" if changed else 0)
PYTHON
