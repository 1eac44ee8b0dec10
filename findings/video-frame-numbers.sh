#!/usr/bin/env bash
# One would guess: decord's get_batch([..]) and OpenCV's CAP_PROP_POS_FRAMES give the frames of
# these numbers, the same as when the film is read from its beginning.
# So it is: that holds for H.264 in MP4. decord (the reader of ImageBind's and LanguageBind's code)
# is a frame or two off in HEVC with open groups of pictures, up to 31 in MPEG-4 in AVI with
# B-frames and 28 in H.264 with intra refresh; in MPEG-TS it leaves out the first frames even when
# read in order, and repeats the last. decord2 has the same faults. OpenCV's first frames of MPEG-TS
# are gone as soon as one seeks to them. No call fails or warns.
# Seen with decord 0.6.0, decord2 3.4.0, opencv-python-headless 5.0.0.93; films written by the
# ffmpeg of imageio-ffmpeg 0.8.1 (9.0.2). Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install --only-binary=:all: \
    opencv-python-headless==5.0.0.93 decord==0.6.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
# The same module name
pip install --only-binary=:all: --no-deps --target "$folder/decord2" decord2==3.4.0

cat >"$folder/films.py" <<'PYTHON'
import numpy as np

FRAMES, BITS, BAR, HEIGHT = 120, 7, 32, 64
WIDTH = 8 * BAR
ASKED = [0, 1, 3, 5, 11, 12, 13, 23, 24, 25, 30, 50, 59, 60, 61, 97, 100, 118]
X264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "12"]
GROUPS = ["-g", "12", "-bf", "3"]
FILMS = {
    "H.264 in MP4": ("h264.mp4", X264 + GROUPS),
    "VP9 in WebM": ("vp9.webm", ["-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-g", "30",
                                 "-cpu-used", "5"]),
    "HEVC in MP4": ("hevc.mp4", ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-crf", "12",
                                 "-x265-params", "keyint=12:bframes=3:open-gop=1:log-level=none"]),
    "H.264, intra refresh": ("refresh.mp4",
                             X264 + ["-x264-params", "intra-refresh=1:keyint=30"]),
    "MPEG-4 in AVI": ("mpeg4.avi", ["-c:v", "mpeg4", "-q:v", "2", "-g", "12", "-bf", "2"]),
    "H.264 in MPEG-TS": ("h264.ts", X264 + GROUPS),
}


def picture(number):
    """A frame whose bars are the number's binary digits."""
    rows = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(BITS):
        rows[:, bit * BAR:(bit + 1) * BAR] = 255 * (number >> bit & 1)
    return rows


def number_of(frame):
    middle = frame[HEIGHT // 2]
    return sum(int(middle[bit * BAR + BAR // 2].mean() > 128) << bit for bit in range(BITS))


def wrong(numbers, found):
    """What differs, {asked: got}."""
    return {asked: got for asked, got in zip(numbers, found) if asked != got}


def print_wrong(who, errors):
    largest = max((abs(got - asked) for asked, got in errors.items()), default=0)
    shown = ", ".join(f"{asked} is {got}" for asked, got in list(errors.items())[:4])
    seen = f"{len(errors)} wrong, by up to {largest}: {shown}" if errors else "right"
    print(f"    {who}: {seen}")
PYTHON

cat >"$folder/by_decord.py" <<'PYTHON'
import json
import sys
from pathlib import Path

import decord
from films import ASKED, FILMS, FRAMES, number_of

decord.logging.set_level(decord.logging.QUIET)
found = {}
for name, (file, _) in FILMS.items():
    path = str(Path(sys.argv[1]) / file)
    film = decord.VideoReader(path)
    assert len(film) == FRAMES
    in_order = [number_of(film[number].asnumpy()) for number in range(FRAMES)]
    asked = decord.VideoReader(path).get_batch(ASKED).asnumpy()
    found[name] = in_order, [number_of(frame) for frame in asked]
print(json.dumps([decord.__version__, found]))
PYTHON

cat >"$folder/compare.py" <<'PYTHON'
import json
import os
import subprocess
import sys

import cv2
import imageio_ffmpeg
from films import ASKED, FILMS, FRAMES, HEIGHT, WIDTH, number_of, picture, print_wrong, wrong

folder = sys.argv[1]


def write(file, options):
    raw = b"".join(picture(number).tobytes() for number in range(FRAMES))
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo",
                    "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25", "-i", "-",
                    *options, f"{folder}/{file}"], input=raw, check=True)


def by_decord(modules):
    result = subprocess.run([sys.executable, f"{folder}/by_decord.py", folder], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            env=os.environ | {"PYTHONPATH": modules})
    return json.loads(result.stdout)


def by_opencv(file):
    film = cv2.VideoCapture(f"{folder}/{file}")
    in_order = [number_of(film.read()[1]) for _ in range(FRAMES)]
    asked = []
    for number in ASKED:
        film.set(cv2.CAP_PROP_POS_FRAMES, number)
        asked.append(number_of(film.read()[1]))
    return in_order, asked


# What is seen: which of four are right: decord in order, decord asked, OpenCV in order, asked
EXPECTED = {
    "H.264 in MP4": (True, True, True, True),
    "VP9 in WebM": (True, True, True, True),
    "HEVC in MP4": (True, False, True, True),
    "H.264, intra refresh": (True, False, True, True),
    "MPEG-4 in AVI": (True, False, True, True),
    "H.264 in MPEG-TS": (False, False, True, False),
}
for file, options in FILMS.values():
    write(file, options)
results = {"decord": by_decord(""), "decord2": by_decord(f"{folder}/decord2")}
versions = [f"{package} {version}" for package, (version, _) in results.items()]
print(f"{', '.join(versions)}, OpenCV {cv2.__version__}")
changed = 0
for name, expected in EXPECTED.items():
    print(f"{name}, {FRAMES} frames, of which {len(ASKED)} are asked for")
    opencv = by_opencv(FILMS[name][0])
    for package, (_, found) in results.items():
        errors = [wrong(numbers, got) for numbers, got in
                  zip((range(FRAMES), ASKED) * 2, (*found[name], *opencv))]
        right = tuple(not one for one in errors)
        print_wrong(f"{package} in order", errors[0])
        print_wrong(f"{package} get_batch", errors[1])
        if right != expected:
            print(f"    <- CHANGED: {right}, was {expected}")
        changed += right != expected
    print_wrong("OpenCV in order", errors[2])
    print_wrong("OpenCV CAP_PROP_POS_FRAMES", errors[3])
sys.exit(f"{changed} of {2 * len(EXPECTED)} have changed" if changed else 0)
PYTHON
timeout 170 "$folder/venv/bin/python" "$folder/compare.py" "$folder" 2> >(grep -v h264 >&2)
