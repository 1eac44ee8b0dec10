#!/usr/bin/env bash
# One would guess: AudioSegment.set_frame_rate(16000), which is how many scripts bring sounds to a
# speech or audio model's rate, removes what 16 kHz can't hold.
# So it is: it filters nothing. Of 48 kHz it takes each third sample; at other ratios it joins
# samples by straight lines. What lies above 8 kHz comes back below it, at full strength: a tone of
# 12 kHz becomes one of 4 kHz. soxr and scipy leave it 57 dB and more below. So cymbals, insects or
# the "s" of speech put sounds into the low bands that weren't there.
# Seen with pydub 0.25.1 (audioop of Python 3.11 to 3.12, audioop-lts 0.2.2 from 3.13 on), soxr
# 1.1.0, scipy 1.17.1. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    pydub==0.25.1 'audioop-lts==0.2.2; python_version >= "3.13"' soxr==1.1.0 scipy==1.17.1 \
    numpy==2.4.6

# Without ffmpeg pydub warns; it is needed for reading files only.
timeout 120 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import scipy.signal
import soxr
from pydub import AudioSegment

OLD_RATE, NEW_RATE, SECONDS, PEAK = 48000, 16000, 2, 16000
TONES = [1000, 7000, 10000, 12000, 15000, 20000]


def tone(frequency):
    seconds = np.arange(OLD_RATE * SECONDS) / OLD_RATE
    return np.round(PEAK * np.sin(2 * np.pi * frequency * seconds)).astype(np.int16)


def by_pydub(samples):
    sound = AudioSegment(samples.tobytes(), frame_rate=OLD_RATE, sample_width=2, channels=1)
    return np.array(sound.set_frame_rate(NEW_RATE).get_array_of_samples(), np.float64)


def by_soxr(samples):
    return soxr.resample(samples.astype(np.float64), OLD_RATE, NEW_RATE)


def by_scipy(samples):
    return scipy.signal.resample_poly(samples.astype(np.float64), NEW_RATE, OLD_RATE)


def loudest(samples):
    """(frequency in Hz, level in dB beside the tone that went in), away from the ends."""
    samples = samples[NEW_RATE // 4:-NEW_RATE // 4]
    window = np.hanning(len(samples))
    levels = np.abs(np.fft.rfft(samples * window)) * 2 / window.sum() / PEAK
    best = int(np.argmax(levels))
    return best * NEW_RATE / len(samples), 20 * np.log10(levels[best] + 1e-12)


print(f"pydub {version('pydub')}, soxr {version('soxr')}, scipy {version('scipy')}, "
      f"Python {sys.version.split()[0]}")
changed = 0
for frequency in TONES:
    samples = tone(frequency)
    is_audible = frequency < NEW_RATE / 2
    mirrored = abs(frequency - NEW_RATE * round(frequency / NEW_RATE))
    pitch, level = loudest(by_pydub(samples))
    others = {"soxr": loudest(by_soxr(samples)), "scipy": loudest(by_scipy(samples))}
    holds = abs(pitch - mirrored) < 2 and level > -1
    if is_audible:
        holds = holds and all(abs(other[0] - frequency) < 2 for other in others.values())
    else:
        holds = holds and all(other[1] < -50 for other in others.values())
    print(f"{frequency} Hz: pydub {pitch:.0f} Hz at {level:.1f} dB; "
          + ", ".join(f"{name} {one[0]:.0f} Hz at {one[1]:.0f} dB" for name, one in others.items())
          + ("" if holds else "  <- CHANGED"))
    changed += not holds
sys.exit(f"{changed} of {len(TONES)} have changed" if changed else 0)
PYTHON
