#!/usr/bin/env bash
# One would guess: a WAV file says how its samples are stored, so FFmpeg plays what was recorded.
# So it is: of two sorts it decodes other numbers, without an error or a warning.
#   - WAVE_FORMAT_EXTENSIBLE with 24 valid bits in 32 (what many recorders write): the samples are
#     taken for floats, and a tone has values up to 2e31. With 20 or 16 valid bits in 32 they are
#     taken for samples of 24 or 16 bits: more of them, some of them noise or zeros.
#   - RIFX, the big-endian WAV: the bytes of each sample are swapped, a tone becomes noise.
# libsndfile reads both.
# Seen with av 18.1.0 (libavformat 62.12.102) and soundfile 0.14.0. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    av==18.1.0 soundfile==0.14.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys

import av
import numpy as np
import soundfile

RATE = 16000
tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def extensible(valid_bits, container_bits):
    """The header of Microsoft's multiple channel WAV; samples at the top of their container."""
    numbers = np.round(tone * 2 ** (valid_bits - 1)).astype(np.int64) << (container_bits - valid_bits)
    size = container_bits // 8
    data = b"".join(int(number).to_bytes(size, "little", signed=True) for number in numbers)
    layout = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, RATE * size, size, container_bits, 22,
                         valid_bits, 4)
    layout += bytes.fromhex("0100000000001000800000aa00389b71")  # KSDATAFORMAT_SUBTYPE_PCM
    body = (b"WAVE" + b"fmt " + struct.pack("<I", len(layout)) + layout
            + b"data" + struct.pack("<I", len(data)) + data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def written(subtype, endian):
    stream = io.BytesIO()
    soundfile.write(stream, tone, RATE, format="WAV", subtype=subtype, endian=endian)
    return stream.getvalue()


def decode_with_ffmpeg(file):
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.audio[0]
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(stream)]
    samples = np.concatenate(frames)
    if samples.dtype.kind == "i":
        samples = samples / 2.0 ** (8 * samples.dtype.itemsize - 1)
    return stream.codec_context.name, samples


def is_the_tone(samples):
    return samples.size == tone.size and np.abs(samples - tone).max() < 1e-3


# File, whether FFmpeg gives the tone.
FILES = [
    ("16 bits, RIFF", written("PCM_16", "LITTLE"), True),
    ("24 bits, RIFF", written("PCM_24", "LITTLE"), True),
    ("16 bits, RIFX", written("PCM_16", "BIG"), False),
    ("24 bits, RIFX", written("PCM_24", "BIG"), False),
    ("24 valid bits in 24", extensible(24, 24), True),
    ("20 valid bits in 24", extensible(20, 24), True),
    ("24 valid bits in 32", extensible(24, 32), False),
    ("20 valid bits in 32", extensible(20, 32), False),
    ("16 valid bits in 32", extensible(16, 32), False),
]

print(f"av {av.__version__}, libavformat {'.'.join(map(str, av.library_versions['libavformat']))}, "
      f"soundfile {soundfile.__version__} ({soundfile.__libsndfile_version__})")
changed = 0
for name, file, expected in FILES:
    assert is_the_tone(soundfile.read(io.BytesIO(file))[0]), name
    codec, samples = decode_with_ffmpeg(file)
    right = is_the_tone(samples)
    print(f"{name}: {'the tone' if right else 'something else'} ({codec}, {samples.size} samples, "
          f"peak {np.abs(samples).max():.3g}){'' if right == expected else '  <- CHANGED'}")
    changed += right != expected
sys.exit(f"{changed} of {len(FILES)} have changed" if changed else 0)
PYTHON
