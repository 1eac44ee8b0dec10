#!/usr/bin/env bash
# One would guess: np.asanyarray(frame.get_data()) of librealsense's frames of floats (disparities,
# distances in metres) gives floats.
# So it is: the array is of uint32, and its values are the bits of the floats: half a metre arrives
# as 1,056,964,608. Bits of positive floats are in the order of the floats, so a picture made of
# them looks plausible, with the contrast of a logarithm. `.view(np.float32)` gives the values.
# Those of a disparity frame are in 32nds of a pixel. No camera is needed here: the frames go
# through a software device.
# Seen with pyrealsense2 2.59.1.11053. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    pyrealsense2==2.59.1.11053 numpy==2.4.6

timeout 60 "$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import pyrealsense2 as rs

WIDTH, HEIGHT = 64, 48
FOCAL_LENGTH, BASELINE, UNIT = 60.0, 50.0, 0.001  # pixels, millimetres, metres


class SoftwareCamera:
    """A depth sensor that hands on what it is given."""

    def __init__(self):
        self.device = rs.software_device()
        self.sensor = self.device.add_sensor("Depth")
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.bpp = rs.stream.depth, rs.format.z16, 2
        stream.index, stream.uid, stream.fps = 0, 1, 30
        stream.width, stream.height = WIDTH, HEIGHT
        lens = rs.intrinsics()
        lens.width, lens.height, lens.ppx, lens.ppy = WIDTH, HEIGHT, WIDTH / 2, HEIGHT / 2
        lens.fx = lens.fy = FOCAL_LENGTH
        lens.model, lens.coeffs = rs.distortion.none, [0] * 5
        stream.intrinsics = lens
        self.profile = self.sensor.add_video_stream(stream)
        self.sensor.add_read_only_option(rs.option.depth_units, UNIT)
        self.sensor.add_read_only_option(rs.option.stereo_baseline, BASELINE)
        self.queue = rs.frame_queue(4)
        self.sensor.open(self.profile)
        self.sensor.start(self.queue)

    def frame(self, millimetres):
        given = rs.software_video_frame()
        given.pixels = np.ascontiguousarray(millimetres, np.uint16)
        given.stride, given.bpp, given.depth_units = WIDTH * 2, 2, UNIT
        given.timestamp, given.frame_number = 1.0, 1
        given.profile = self.profile.as_video_stream_profile()
        self.sensor.on_video_frame(given)
        return self.queue.wait_for_frame(5000)


def array(frame):
    return np.array(np.asanyarray(frame.get_data()))


depth = np.tile(np.linspace(500, 10000, WIDTH).astype(np.uint16), (HEIGHT, 1))
camera = SoftwareCamera()
frame = camera.frame(depth)
print(f"pyrealsense2 {version('pyrealsense2')}, numpy {np.__version__}")
# What is seen: a frame of floats, what its bits hold
FRAMES = {
    "disparity in 32nds of a pixel": (rs.disparity_transform(True).process(frame),
                                      32 * BASELINE * FOCAL_LENGTH / depth),
    "distance in metres": (rs.units_transform().process(frame), depth * UNIT),
}
changed = 0
for name, (result, expected) in FRAMES.items():
    data = array(result)
    bits = data.view(np.float32)
    steps = np.diff(data[0].astype(np.int64)) * np.sign(expected[0, -1] - expected[0, 0])
    spread = expected.max() / expected.min()
    seen = data.max() / data.min()
    holds = (data.dtype == np.uint32 and np.allclose(bits, expected, rtol=1e-4)
             and bool((steps >= 0).all()) and seen < 1.1)
    print(f"{result.profile.format()}, {name}: {data.dtype}; of 500 mm {data[0, 0]}, its bits "
          f"{bits[0, 0]:.2f}; largest over smallest {seen:.2f} instead of {spread:.1f}"
          f"{'' if holds else '  <- CHANGED'}")
    changed += not holds
sys.exit(f"{changed} of {len(FRAMES)} have changed" if changed else 0)
PYTHON
