#!/usr/bin/env bash
# One would guess: the attitude filters of the ahrs package take the same recording of accelerometer
# and magnetometer and give the same attitude, so that one may be put in another's place.
# So it is: Madgwick, EKF, Tilt, Complementary, FAMC, Davenport and Fourati do. AQUA and SAAM give
# the conjugate, the turn from the world to the device; so tilts have the other sign. Mahony is a
# quarter turn of the compass off: its north lies on another axis. FQA and OLEQ are half a turn off.
# Each follows its own paper; only derivations in the documentation tell, and no call warns.
# Seen with ahrs 0.4.0. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    ahrs==0.4.0 numpy==2.4.6

timeout 170 "$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from ahrs import filters

GRAVITY, FIELD, DIP = 9.81, 50.0, 60.0  # m/s2, microtesla, degrees below the horizon
ROWS = 1500  # at rest, long enough for the filters that come near in steps
ATTITUDES = [(0.8, 0.3, -0.2, 0.4), (0.9, 0.1, 0.3, -0.2)]
QUARTER_TURN = np.array([1.0, 0, 0, 1.0]) / np.sqrt(2)  # about the vertical


def product(a, b):
    scalar = a[0] * b[0] - a[1:] @ b[1:]
    return np.r_[scalar, a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])]


def conjugate(a):
    return a * [1, -1, -1, -1]


def turn(attitude, vector):
    return product(product(attitude, np.r_[0, vector]), conjugate(attitude))[1:]


def degrees_between(a, b):
    half = abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(2 * np.arccos(min(1.0, half)))


def recording(attitude):
    """What a device at rest measures, if `attitude` turns its axes to north, east, down.

    A device that lies flat reports +9.81 on its third axis, as phones do.
    """
    dip = np.radians(DIP)
    north_and_down = FIELD * np.array([np.cos(dip), 0, np.sin(dip)])
    acceleration = turn(conjugate(attitude), np.array([0, 0, GRAVITY]))
    magnetism = turn(conjugate(attitude), north_and_down)
    return np.tile(acceleration, (ROWS, 1)), np.tile(magnetism, (ROWS, 1))


def estimate(name, acceleration, magnetism):
    given = {"acc": acceleration, "mag": magnetism}
    if name in ("Madgwick", "Mahony", "EKF", "Complementary", "Fourati"):
        given["gyr"] = np.zeros((ROWS, 3))
    if name in ("Davenport", "Fourati"):
        given["magnetic_dip"] = DIP
    if name in ("EKF", "OLEQ"):
        given["magnetic_ref"] = DIP
    return np.asarray(getattr(filters, name)(**given).Q)[-1]


def relation(found, right):
    """How a filter's attitude comes from the right one."""
    if not np.isfinite(found).all():
        return "no numbers"
    relations = {
        "right": right,
        "the conjugate": conjugate(right),
        "a quarter turn about the vertical off": product(QUARTER_TURN, right),
    }
    for name, attitude in relations.items():
        if degrees_between(found, attitude) < 2:
            return name
    off = degrees_between(found, right)
    return "half a turn off" if off > 178 else f"{off:.0f} degrees off"


AGREE = ("Madgwick", "EKF", "Tilt", "Complementary", "FAMC", "Davenport", "Fourati")
EXPECTED = dict.fromkeys(AGREE, "right") | {
    "AQUA": "the conjugate",
    "SAAM": "the conjugate",
    "Mahony": "a quarter turn about the vertical off",
    "FQA": "half a turn off",
    "OLEQ": "half a turn off",
}
print(f"ahrs {version('ahrs')}, numpy {np.__version__}")
changed = 0
for name, expected in EXPECTED.items():
    seen = set()
    for attitude in ATTITUDES:
        right = np.array(attitude) / np.linalg.norm(attitude)
        seen.add(relation(estimate(name, *recording(right)), right))
    holds = seen == {expected}
    print(f"{name}: {', '.join(sorted(seen))}{'' if holds else '  <- CHANGED'}")
    changed += not holds
sys.exit(f"{changed} of {len(EXPECTED)} have changed" if changed else 0)
PYTHON
