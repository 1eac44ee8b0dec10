#!/usr/bin/env bash
# One would guess: a package that reads recordings of several makes of motion sensors into objects of
# one class gives their accelerations in one unit.
# So it is: scikit-kinematics' `acc` is in m/s^2 for Xsens and x-io, and as it stands in the file, in
# g, for YEI, and `calc_position` takes 9.80665 off both. A YEI sensor that lies still for two seconds
# has moved 17 metres, an Xsens one none. Its rate is off as well: n samples are divided by n - 1 steps.
# Seen with scikit-kinematics 0.10.4. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    --no-binary scikit-kinematics scikit-kinematics==0.10.4 numpy==2.4.6 pandas==3.1.1 \
    scipy==1.17.1

MPLBACKEND=Agg PYGAME_HIDE_SUPPORT_PROMPT=1 "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import pathlib
import sys

import numpy as np
from skinematics.sensors.xsens import XSens
from skinematics.sensors.yei import YEI

G = 9.80665
RATE, SAMPLES = 100, 200
folder = pathlib.Path(sys.argv[1])


def still_xsens():
    """As MT Manager writes it: m/s2, rad/s."""
    path = folder / "xsens.txt"
    names = "Counter Acc_X Acc_Y Acc_Z Gyr_X Gyr_Y Gyr_Z Mag_X Mag_Y Mag_Z".replace(" ", "\t")
    rows = "".join(f"{i}\t0\t0\t{G}\t0\t0\t0\t1\t0\t0\n" for i in range(SAMPLES))
    path.write_text("// Start Time: 0\n// Sample rate: 100.0Hz\n// Scenario: 4.9\n"
                    f"// Firmware Version: 2.5.1\n{names}\n{rows}")
    return XSens(in_file=str(path))


def still_yei():
    """As the 3-Space suite writes it: g, rad/s."""
    path = folder / "yei.txt"
    axes = [f"%float(Raw{sensor}{axis})" for sensor in ("Gyro", "Compass", "Accel") for axis in "XYZ"]
    rows = "".join(f"{i * 1_000_000 // RATE},0,0,0,1,0,0,0,0,1\n" for i in range(SAMPLES))
    path.write_text(",".join(["%int(ChipTimeUS)", *axes]) + "\n" + rows)
    return YEI(in_file=str(path))


moved = {}
for name, sensor in (("Xsens", still_xsens()), ("YEI", still_yei())):
    sensor.calc_position()
    moved[name] = float(np.linalg.norm(sensor.pos[-1] - sensor.pos[0]))
    print(f"{name}: at rest |acc| = {np.linalg.norm(sensor.acc[0]):.5f}, rate {sensor.rate:.3f} Hz, "
          f"moved {moved[name]:.2f} m in {SAMPLES / RATE:.0f} s")
    rate = sensor.rate
if not (moved["Xsens"] < 0.01 and moved["YEI"] > 10 and abs(rate - RATE) > 0.4):
    sys.exit("this has changed")
PYTHON
