#!/usr/bin/env bash
# One would guess: a reader that turns a phone's upright film as the container's display matrix says
# also obeys a matrix that mirrors the film.
# So it is: OpenCV and decord take an angle from the matrix and nothing else. If it swaps left and
# right, they read half a turn: the film stands on its head. If it swaps top and bottom, they read
# no turn. With a quarter turn beside the mirror, left and right stay swapped. Nothing tells the
# caller.
# Seen with opencv-python-headless 5.0.0.93, decord 0.6.0 and, as the right value, the ffmpeg of
# imageio-ffmpeg 0.8.1 (9.0.2). Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    opencv-python-headless==5.0.0.93 decord==0.6.0 imageio-ffmpeg==0.8.1 numpy==2.4.6

timeout 120 "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import subprocess
import sys

import cv2
import decord
import imageio_ffmpeg
import numpy as np

WIDTH, HEIGHT, FRAMES = 320, 240, 5
FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
LETTERS = {(1, 0, 0): "R", (0, 1, 0): "G", (0, 0, 1): "B", (0, 0, 0): "."}


def drawing():
    """Red and green above, blue and black below."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:HEIGHT // 2, :WIDTH // 2, 0] = 255
    picture[:HEIGHT // 2, WIDTH // 2:, 1] = 255
    picture[HEIGHT // 2:, :WIDTH // 2, 2] = 255
    return picture


def corners(picture):
    height, width = picture.shape[:2]

    def letter(row, column):
        pixel = picture[height * row // 4, width * column // 4]
        return LETTERS[tuple(int(value > 128) for value in pixel)]

    rows = ["".join(letter(row, column) for column in (1, 3)) for row in (1, 3)]
    return f"{width}x{height} {'/'.join(rows)}"


def write(path):
    raw = drawing().tobytes() * FRAMES
    subprocess.run([*FFMPEG, "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}",
                    "-r", "10", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p", path],
                   input=raw, check=True)


def by_ffmpeg(path):
    png = subprocess.run([*FFMPEG, "-i", path, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png",
                          "-"], check=True, stdout=subprocess.PIPE).stdout
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def by_opencv(path):
    is_read, picture = cv2.VideoCapture(path).read()
    assert is_read
    return picture[:, :, ::-1]


def by_decord(path):
    return decord.VideoReader(path)[0].asnumpy()


# What is seen: the display matrix -> are OpenCV and decord right?
EXPECTED = {
    "none": ([], True),
    "a quarter turn": (["-display_rotation", "90"], True),
    "half a turn": (["-display_rotation", "180"], True),
    "left and right swapped": (["-display_hflip"], False),
    "top and bottom swapped": (["-display_vflip"], False),
    "a quarter turn, swapped": (["-display_rotation", "90", "-display_hflip"], False),
}
plain, film = f"{sys.argv[1]}/plain.mp4", f"{sys.argv[1]}/film.mp4"
write(plain)
version = subprocess.run([FFMPEG[0], "-version"], check=True, stdout=subprocess.PIPE, text=True)
print(f"OpenCV {cv2.__version__}, decord {decord.__version__}, "
      f"{' '.join(version.stdout.split()[:3])}, numpy {np.__version__}")
changed = 0
for name, (options, expected) in EXPECTED.items():
    subprocess.run([*FFMPEG, *options, "-i", plain, "-c", "copy", film], check=True)
    right = corners(by_ffmpeg(film))
    seen = {"OpenCV": corners(by_opencv(film)), "decord": corners(by_decord(film))}
    holds = all((found == right) == expected for found in seen.values())
    print(f"{name}: ffmpeg {right}, " + ", ".join(f"{who} {found}" for who, found in seen.items())
          + ("" if holds else "  <- CHANGED"))
    changed += not holds
sys.exit(f"{changed} of {len(EXPECTED)} have changed" if changed else 0)
PYTHON
