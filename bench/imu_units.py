#!/usr/bin/env python3
"""How well accelerometer and gyroscope together tell whether rotations are in rad/s or in deg/s.

    imu_units.py --sp-sw-har segments.npz --utd-mhad imu.npz

The quotient of docs/modalities.md, of compare_rotation() in src/media/imu_physics.h: what rotations
in rad/s leave unexplained of gravity's changes of direction in half a second, divided by what the
same numbers in deg/s leave. Of each recording of 1.5 s or more it is computed with rotations in
rad/s and in deg/s. Needs numpy.
"""
import argparse
import math

import numpy as np

DEGREE = math.pi / 180
SMOOTH, LAG = 0.25, 0.5  # s


def moving_means(values, width):
    sums = np.cumsum(np.vstack([np.zeros((1, 3)), values]), axis=0)
    return (sums[width:] - sums[:-width]) / width


def quotient(acceleration, rotation, rate):
    direction = acceleration / np.maximum(np.linalg.norm(acceleration, axis=1, keepdims=True), 1e-12)
    change = np.cross(direction, rotation)
    foretold = np.cumsum(np.vstack([np.zeros((1, 3)), (change[1:] + change[:-1]) / 2 / rate]), axis=0)
    smooth, lag = max(1, round(SMOOTH * rate)), max(1, round(LAG * rate))
    direction, foretold = moving_means(direction, smooth), moving_means(foretold, smooth)
    seen, expected = direction[lag:] - direction[:-lag], foretold[lag:] - foretold[:-lag]
    as_rad = np.sqrt(((seen - expected) ** 2).sum(1).mean())
    as_deg = np.sqrt(((seen - expected * DEGREE) ** 2).sum(1).mean())
    return as_rad / as_deg


def quotients(archive, rate, to_rad):
    in_rad, in_deg = [], []
    for name in archive.files:
        samples = archive[name].astype(float)
        if len(samples) < 1.5 * rate:
            continue
        rotation = samples[:, 3:6] * to_rad
        in_rad.append(quotient(samples[:, :3], rotation, rate))
        in_deg.append(quotient(samples[:, :3], rotation / DEGREE, rate))
    return np.array(in_rad), np.array(in_deg)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sp-sw-har", required=True)
    parser.add_argument("--utd-mhad", required=True)
    arguments = parser.parse_args()
    total = 0
    for name, path, rate, to_rad in (("SP-SW-HAR", arguments.sp_sw_har, 100, 1),
                                     ("UTD-MHAD", arguments.utd_mhad, 50, DEGREE)):
        in_rad, in_deg = quotients(np.load(path), rate, to_rad)
        total += len(in_rad)
        print(f"{name}: {len(in_rad)} recordings; in rad/s {in_rad.min():.2f} to {in_rad.max():.2f}, "
              f"in deg/s {in_deg.min():.1f} to {in_deg.max():.1f}")
    print(f"{total} recordings")


if __name__ == "__main__":
    main()
