#!/usr/bin/env bash
# One would guess: a reader of Axivity's CWA recordings reads the sectors that a file has, or says
# what is wrong with it.
# So it is: skdh's ReadCwa takes the number that stands in each sector for its place in the memory
# of the result, which is made for as many sectors as the file has. Sectors that are whole, in order
# and numbered from 1000 on (a part that was cut out of a longer recording), or a file that lacks
# its first sector, are written behind the end of that memory: Python crashes, or its heap is damaged
# without a word.
# Seen with scikit-digital-health 0.17.18 on x86-64. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    scikit-digital-health==0.17.18 numpy==2.4.6

FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os
import pathlib
import struct
import subprocess
import sys
from importlib.metadata import version

import numpy as np

SAMPLES, SECTORS, RATE = 120, 20, 100
TIME = (2024 - 2000) << 26 | 5 << 22 | 6 << 17 | 7 << 12 | 8 << 6  # 2024-05-06 07:08:00
folder = pathlib.Path(os.environ["FOLDER"])


def counts(i):
    """1/256 g."""
    return i % 50 - 20, -2 * (i % 30), 250


def header():
    head = struct.pack("<HHBHIHII", 0x444D, 1020, 0xFF, 1, 7, 0xFFFF, TIME, TIME + 59)
    return (head.ljust(35, b"\xff") + bytes([0xFF, 0x4A])).ljust(1024, b"\xff")


def sector(place, number):
    """A second and a fifth of samples at 100 Hz, three numbers of ten bits in each word."""
    words = b"".join(struct.pack("<I", (z & 1023) << 20 | (y & 1023) << 10 | x & 1023)
                     for x, y, z in map(counts, range(SAMPLES * place, SAMPLES * (place + 1))))
    second = place * SAMPLES // RATE + 1
    offset = second * RATE - place * SAMPLES
    data = struct.pack("<HHHIIIHHBBBBhH", 0x5841, 508, 0, 7, number, TIME + second, 0, 0, 0, 200,
                       0x4A, 0x30, offset, SAMPLES) + words
    total = sum(struct.unpack("<255H", data)) & 0xFFFF
    return data + struct.pack("<H", -total & 0xFFFF)


READ = """
import sys
import numpy as np
from skdh.io import ReadCwa
np.save(sys.argv[2], ReadCwa().predict(file=sys.argv[1])["accel"])
"""


def read(name, sectors):
    """The rows that come out, or None if the process dies."""
    path, out = folder / f"{name}.cwa", folder / f"{name}.npy"
    path.write_bytes(header() + b"".join(sectors))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", READ, path, out],
                          capture_output=True, text=True)
    print(f"  exit code {done.returncode}{': ' + done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ''}")
    return np.load(out) if done.returncode == 0 and out.exists() else None


def is_right(rows, places):
    wanted = np.array([counts(i) for place in places
                       for i in range(SAMPLES * place, SAMPLES * (place + 1))]) / 256
    return rows is not None and rows.shape == wanted.shape and np.allclose(rows, wanted)


print(f"scikit-digital-health {version('scikit-digital-health')}, numpy {np.__version__}")
CASES = {
    "numbered from 0": (range(SECTORS), 0, True),
    "numbered from 1000": (range(SECTORS), 1000, False),
    "without its first sector": (range(1, SECTORS), 0, False),
}
changed = 0
for number, (name, (places, first, expected)) in enumerate(CASES.items()):
    print(f"{len(places)} sectors {name}:")
    seen = is_right(read(str(number), [sector(k, first + k) for k in places]), places)
    print(f"  {'read rightly' if seen else 'not read'}{'' if seen == expected else '  <- CHANGED'}")
    changed += seen != expected
sys.exit(f"{changed} of {len(CASES)} have changed" if changed else 0)
PYTHON
