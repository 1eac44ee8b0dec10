#!/usr/bin/env bash
# One would guess: a decoder that reads an OpenEXR file compressed by DWAA reads it whatever its
# channels are, or fails.
# So it is: FFmpeg (in PyAV) reads DWAA and DWAB for the three channels of a picture in colours. A
# file of one channel, as depth is saved, becomes a frame of zeros, and the alpha of a file of four
# becomes garbage with NaN in it, without an exception. The same files in ZIP are read rightly, and
# OpenEXR reads all of them.
# Seen with av 18.1.0 (FFmpeg 8.1.2) and OpenEXR 3.5.3. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    av==18.1.0 OpenEXR==3.5.3 numpy==2.4.6

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import av
import numpy as np
import OpenEXR

WIDTH, HEIGHT = 96, 64
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
depth = (2 + x / 40 + y / 90).astype(np.float32)  # 2 to 5.1
LOSSY = 0.02  # what DWAA changes in these numbers at most


def by_ffmpeg(path):
    """The planes of the frame, in FFmpeg's order: Y, or green, blue, red, alpha."""
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    return [np.frombuffer(bytes(plane), np.float32).reshape(HEIGHT, -1)[:, :WIDTH]
            for plane in frame.planes]


# (channels, compression) -> which planes are right
EXPECTED = {
    ("Y", "ZIP"): [True], ("Y", "DWAA"): [False], ("Y", "DWAB"): [False],
    ("RGB", "ZIP"): [True] * 3, ("RGB", "DWAA"): [True] * 3, ("RGB", "DWAB"): [True] * 3,
    ("RGBA", "ZIP"): [True] * 4, ("RGBA", "DWAA"): [True, True, True, False],
}
print(f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}, OpenEXR {OpenEXR.__version__}")
changed = 0
for (channels, compression), expected in EXPECTED.items():
    header = {"compression": getattr(OpenEXR, compression + "_COMPRESSION"),
              "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {name: depth for name in channels}).write("it.exr")
    for channel in OpenEXR.File("it.exr", separate_channels=True).channels().values():
        assert np.abs(channel.pixels - depth).max() < LOSSY, "OpenEXR reads it wrongly, too"
    planes = by_ffmpeg("it.exr")
    seen = [bool(np.abs(plane - depth).max() < LOSSY) for plane in planes]
    ranges = ", ".join(f"{plane.min():g} to {plane.max():g}" for plane in planes)
    print(f"{channels:4} {compression}: {ranges}{'' if seen == expected else '  <- CHANGED'}")
    changed += seen != expected
sys.exit(f"{changed} of {len(EXPECTED)} have changed" if changed else 0)
PYTHON
