#!/usr/bin/env bash
# One would guess: JPEG-LS is lossless, so FFmpeg gives back the numbers that were encoded.
# So it is: numbers of 9 to 15 bits come out moved up to the top of 16. Those of a 14-bit sensor are
# four times as large, and the frame doesn't say so: its format is the same (gray16le) as that of
# numbers that really have 16 bits. Where numbers mean something (counts of thermal cameras, medical
# pictures) the values are wrong; CharLS gives them as they are.
# Seen with av 18.1.0 (libavcodec 62.28.102) and pyjpegls 1.5.1. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    av==18.1.0 pyjpegls==1.5.1 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import av
import jpeg_ls
import numpy as np


def decode_with_ffmpeg(data):
    decoder = av.CodecContext.create("jpegls", "r")
    frame = (decoder.decode(av.Packet(data)) + decoder.decode(None))[0]
    return frame.format.name, frame.to_ndarray().astype(int)


print(f"av {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}, "
      f"pyjpegls {version('pyjpegls')}")
y, x = np.mgrid[0:48, 0:64]
changed = 0
for bits in (8, 10, 12, 14, 16):
    largest = 2**bits - 1
    numbers = (largest - 3 * x - 2 * y).clip(0, largest)
    encoded = jpeg_ls.encode_array(numbers.astype(np.uint8 if bits == 8 else np.uint16))
    assert encoded[2:4] == b"\xff\xf7" and encoded[6] == bits, "the header tells the bits"
    assert (jpeg_ls.decode(np.frombuffer(encoded, np.uint8)) == numbers).all()
    kind, decoded = decode_with_ffmpeg(bytes(encoded))
    factor = 2 ** ((8 if bits == 8 else 16) - bits)
    same = (decoded == factor * numbers).all()
    print(f"{bits:2} bits: {numbers[24, 32]} comes out as {decoded[24, 32]} in {kind}"
          f"{'' if same else '  <- CHANGED'}")
    changed += not same
sys.exit(f"{changed} of 5 have changed" if changed else 0)
PYTHON
