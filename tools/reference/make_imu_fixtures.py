#!/usr/bin/env python3
"""Writes tests/fixtures/imu: recordings of several files as phones export them, with the real
programs' names, headers and order of columns (Sensor Logger 1.47, phyphox 1.1.16), packed by
Python's zipfile. The motion is that of tests/imu_support.h. Standard library only.

    make_imu_fixtures.py [FOLDER]
"""
import math
import sys
import zipfile
from pathlib import Path

G = 9.80665
SECONDS = 4
EPOCH_NS = 1_700_000_000_000_000_000
SWING = 0.6
ZIP_TIME = (2024, 1, 1, 0, 0, 0)  # the same bytes each time


def motion(time):
    """gravity, linear acceleration (m/s2), rotation (rad/s): motion_at() of imu_support.h"""
    phase = math.pi * time
    angle, rate = SWING * math.sin(phase), SWING * math.pi * math.cos(phase)
    return ((-G * math.sin(angle), 0, G * math.cos(angle)),
            (0.8 * math.sin(9 * time), 0.5 * math.cos(7 * time), 0.6 * math.sin(11 * time)),
            (0, rate, 0))


def times(rate, first):
    return [first + i / rate for i in range(int(SECONDS * rate))]


def sensor_logger(values, rate, first=0.0):
    rows = ["time,seconds_elapsed,z,y,x"]
    for time in times(rate, first):
        x, y, z = values(time)
        rows.append(f"{EPOCH_NS + round(time * 1e9)},{time:.9f},{z:.7f},{y:.7f},{x:.7f}")
    return "\n".join(rows) + "\n"


def phyphox(values, unit, rate, first=0.0):
    rows = [f'"Time (s)","X ({unit})","Y ({unit})","Z ({unit})"']
    for time in times(rate, first):
        rows.append(",".join(f"{one:.9E}" for one in (time, *values(time))))
    return "\n".join(rows)  # phyphox writes no line end behind the last row


def total(time):
    gravity, linear, _ = motion(time)
    return tuple(a + b for a, b in zip(gravity, linear))


def gravity(time):
    return motion(time)[0]


def linear(time):
    return motion(time)[1]


def rotation(time):
    return motion(time)[2]


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), text, zipfile.ZIP_DEFLATED)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else
                  Path(__file__).parents[2] / "tests" / "fixtures" / "imu")
    folder.mkdir(parents=True, exist_ok=True)
    write_zip(folder / "sensor_logger.zip", {
        "Accelerometer.csv": sensor_logger(linear, 100),
        "Gravity.csv": sensor_logger(gravity, 100),
        "Gyroscope.csv": sensor_logger(rotation, 104, first=0.003),
        "Magnetometer.csv": sensor_logger(lambda time: (20, -8, -44), 100),
        "Location.csv": "time,seconds_elapsed,speed,bearing,altitude\n"
                        f"{EPOCH_NS},0.1,0.2,90,12.5\n{EPOCH_NS + 10**9},1.1,0.2,90,12.5\n",
        "Annotation.csv": "time,seconds_elapsed,text\n",
        "Metadata.csv": "version,device name,recording time,platform,sampleRateMs\n"
                        "3,phone,2024-01-01_00-00-00,android,10|10|10\n",
    })
    write_zip(folder / "phyphox.zip", {
        "Accelerometer.csv": phyphox(total, "m/s^2", 100),
        "Gyroscope.csv": phyphox(rotation, "rad/s", 104, first=0.003),
        "meta/device.csv": '"property","value"\n"version","1.1.16"\n',
        "meta/time.csv": '"event","experiment time","system time","system time text"\n'
                         '"START",0.0,1700000000.0,"2023-11-14 23:13:20.000 UTC+01:00"\n',
    })


if __name__ == "__main__":
    main()
