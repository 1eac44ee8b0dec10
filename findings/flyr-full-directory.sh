#!/usr/bin/env bash
# One would guess: flyr finds each record that the directory of a FLIR thermogram lists.
# So it is: it reads the directory's entries from the beginning of the block instead of from where
# the directory stands, two entries too early. Cameras leave empty entries at the end, so nothing is
# missed there; a directory without two empty ones loses its last two records, and one of two records
# (as in DJI's XT) has none at all: "KeyError: 1" for a file that is whole.
# Seen with flyr 5.1.0. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --prefer-binary \
    flyr==5.1.0 pillow==13.0.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys
from importlib.metadata import version

import flyr
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 32, 24
counts = (14000 + np.arange(WIDTH * HEIGHT)).reshape(HEIGHT, WIDTH).astype("<u2")


def camera():
    """Emissivity 1 at no distance, and a T640's Planck constants."""
    record = bytearray(0x9AC)
    struct.pack_into("<3H", record, 0, 2, WIDTH, HEIGHT)
    for at, value in {0x20: 1, 0x24: 0, 0x28: 293.15, 0x2C: 293.15, 0x30: 293.15, 0x34: 1,
                      0x3C: 0.5, 0x58: 15848.854, 0x5C: 1414.9, 0x60: 1, 0x70: 0.006569,
                      0x74: 0.01262, 0x78: -0.002276, 0x7C: -0.00667, 0x80: 1.9,
                      0x30C: 0.014533112}.items():
        struct.pack_into("<f", record, at, value)
    struct.pack_into("<i", record, 0x308, -4405)
    return bytes(record)


def block(n_empty):
    """Header, directory (where the header says it stands), raw data and camera."""
    raw = struct.pack("<16H", 2, WIDTH, HEIGHT, *[0] * 13) + counts.tobytes()
    records = [(1, 2, raw), (0x20, 1, camera())]
    n_entries = len(records) + n_empty
    header = struct.pack(">4s16s4I", b"FFF\0", b"", 101, 64, n_entries, 2).ljust(64, b"\0")
    directory, content, begin = b"", b"", 64 + 32 * n_entries
    for kind, subtype, record in records:
        directory += struct.pack(">2H7I", kind, subtype, 100, 1, begin + len(content), len(record),
                                 0, 0, 0)
        content += record
    return header + directory.ljust(32 * n_entries, b"\0") + content


def jpeg(content):
    stream = io.BytesIO()
    Image.new("L", (WIDTH, HEIGHT)).save(stream, "JPEG")
    picture = stream.getvalue()
    payload = b"FLIR\0\1\0\0" + content
    return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + picture[2:]


def unpack(n_empty):
    try:
        celsius = flyr.unpack(io.BytesIO(jpeg(block(n_empty)))).celsius
        return f"{celsius.min():.1f} to {celsius.max():.1f} C"
    except KeyError as error:
        return f"KeyError: {error}"


print(f"flyr {version('flyr')}")
expected = 1414.9 / np.log(15848.854 / (0.014533112 * (counts.astype(float) - 4405)) + 1) - 273.15
degrees = f"{expected.min():.1f} to {expected.max():.1f} C"
changed = 0
for n_empty, seen in ((0, "KeyError: 1"), (1, "KeyError: 32"), (2, degrees), (12, degrees)):
    result = unpack(n_empty)
    print(f"two records and {n_empty} empty entries: {result}"
          f"{'' if result == seen else '  <- CHANGED'}")
    changed += result != seen
sys.exit(f"{changed} of 4 have changed" if changed else 0)
PYTHON
