#!/usr/bin/env python3
"""Makes tests/fixtures/audio: what the reference makes of synthetic sounds, and small sound files.

The sounds of the tensors are not stored: tests/audio_test.cpp computes the same 16-bit samples by
the formulas below. Needs the packages of media_reference.py, and an ffmpeg program for the lossy
files (pip install imageio-ffmpeg brings one).

    python tools/reference/make_audio_fixtures.py
"""

import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile
import torch
from pytorchvideo.data.clip_sampling import ConstantClipsPerVideoSampler

from media_reference import data, picked, torchaudio, write_gguf

AUDIO = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "audio"
TENSOR_STEP = 37
RESAMPLED_STEP = 29
SPECTRUM_RATE = 16000
RATES = (8000, 16000, 22050, 44100, 48000)


def noise(count: int, seed: int) -> np.ndarray:
    """The high bits of a linear congruential generator, -1 .. 1."""
    state, values = seed, np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = (state >> 8) / 8388608.0 - 1.0
    return values


def speech(t: np.ndarray) -> np.ndarray:
    """A vowel with three formants; pitch 120 Hz with vibrato, syllables of 1.3 Hz."""
    phase = 2 * math.pi * (120 * t + 0.4 * np.sin(2 * math.pi * 3 * t))
    sound = np.zeros_like(t)
    for harmonic in range(1, 26):
        weight = 0.02 / harmonic
        for formant in (700.0, 1220.0, 2600.0):
            weight += math.exp(-(((120 * harmonic - formant) / 120) ** 2))
        sound += weight * np.sin(harmonic * phase)
    return 0.05 * sound * (0.6 + 0.4 * np.sin(2 * math.pi * 1.3 * t))


def music(t: np.ndarray) -> np.ndarray:
    """A chord, struck every second."""
    sound = np.zeros_like(t)
    for frequency in (220.0, 277.18, 329.63, 440.0, 880.0):
        sound += np.sin(2 * math.pi * frequency * t)
    return 0.15 * sound * np.exp(-2 * (t - np.floor(t)))


def samples(kind: str, rate: int, frames: int, channels: int) -> np.ndarray:
    """(frames, channels) 16-bit samples."""
    columns = []
    for channel in range(channels):
        t = np.arange(frames) / rate + 0.1 * channel
        if kind == "speech":
            column = speech(t) + 0.002 * noise(frames, channel + 1)
        elif kind == "music":
            column = music(t)
        elif kind == "noise":
            column = 0.1 * noise(frames, channel + 1)
        elif kind == "constant":
            column = np.full(frames, 0.25 + 0.125 * channel)
        else:
            column = np.zeros(frames)
        columns.append(np.floor(column * 32767 + 0.5))
    return np.stack(columns, axis=1).astype(np.int16)


def cases():
    for rate in RATES:
        yield "speech", rate, int(2.7 * rate), 1
        yield "music", rate, int(3.1 * rate), 1
    for rate in (16000, 44100):
        yield "silence", rate, int(2.2 * rate), 1
        yield "constant", rate, int(2.2 * rate), 2
    yield "noise", 44100, int(9.3 * 44100) + 1, 1  # clips that don't overlap
    yield "noise", 48000, int(1.1 * 48000), 6
    yield "speech", 44100, 3 * 44100, 2
    yield "speech", 22050, int(0.4 * 22050), 3  # shorter than a clip
    yield "speech", 16000, 400, 1  # exactly one frame
    yield "music", 11025, int(2.3 * 11025), 1
    yield "speech", 44101, int(2.1 * 44101), 1  # a filter of 16000 phases
    yield "noise", 96000, int(2.05 * 96000), 1


def make_tensors(folder: Path):
    entries, tensors = [], {}
    for kind, rate, frames, channels in cases():
        path = str(folder / "sound.wav")
        soundfile.write(path, samples(kind, rate, frames, channels), rate, subtype="PCM_16")
        name = f"{kind}_{rate}_{frames}_{channels}"
        waveform, _ = torchaudio.load(path)
        resampled = torchaudio.functional.resample(waveform, rate, 16000)
        tensor = data.load_and_transform_audio_data([path], "cpu")[0]
        tensors[name + ".resampled"] = picked(resampled[-1], RESAMPLED_STEP)
        tensors[name + ".tensor"] = picked(tensor, TENSOR_STEP)
        entries.append({"name": name, "kind": kind, "rate": rate, "frames": frames,
                        "channels": channels, "resampled_frames": resampled.shape[1]})
    return entries, tensors


def make_spectrum(tensors: dict):
    """One whole second of the filter bank, before it is cut and normalised."""
    sound = samples("speech", SPECTRUM_RATE, SPECTRUM_RATE, 1).astype(np.float32) / 32768
    tensors["fbank"] = torchaudio.compliance.kaldi.fbank(
        torch.from_numpy(sound.T.copy()), htk_compat=True, sample_frequency=SPECTRUM_RATE,
        use_energy=False, window_type="hanning", num_mel_bins=128, dither=0.0, frame_length=25,
        frame_shift=10,
    ).numpy()


def make_clips():
    entries = []
    durations = [0.0, 0.025, 0.5, 1.999, 2.0, 2.0000625, 2.1, 3.0, 7.999, 8.0, 8.1, 480.0, 3599.99]
    durations += [i / 16000 for i in (32001, 48017, 100003, 1234567, 7680001)]
    durations += [n / (30000 / 1001) for n in (61, 100, 333, 14385)] + [155 / 25.0, 72 / 24.0]
    for duration in durations:
        for n_clips, seconds in ((3, 2), (5, 2), (7, 1)):
            sampler = ConstantClipsPerVideoSampler(clip_duration=seconds, clips_per_video=n_clips)
            points = data.get_clip_timepoints(sampler, duration)
            entries.append({"duration": duration, "n_clips": n_clips, "clip_seconds": seconds,
                            "start": [float(start) for start, _ in points],
                            "end": [float(end) for _, end in points],
                            "offset_16000": [int(start * 16000) for start, _ in points],
                            "offset_end_16000": [int(end * 16000) for _, end in points]})
    return entries


def make_files(tensors: dict):
    """Sound files of a tenth of a second, with the values that libsndfile reads from them."""
    sound = samples("speech", 16000, 1600, 2).astype(np.float64) / 32768
    entries = []

    def add(name: str, **options):
        expected, rate = soundfile.read(AUDIO / name, dtype="float32", always_2d=True)
        tensors[name] = expected
        entries.append({"file": name, "rate": rate, "channels": expected.shape[1], **options})

    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"):
        name = f"{subtype.lower()}.wav"
        soundfile.write(AUDIO / name, sound[:400], 16000, subtype=subtype)
        add(name)
    soundfile.write(AUDIO / "big_endian.aiff", sound[:400], 16000, subtype="PCM_16")
    add("big_endian.aiff")
    for subtype in ("PCM_16", "PCM_24"):
        name = f"{subtype.lower()}.flac"
        soundfile.write(AUDIO / name, sound, 44100, subtype=subtype)
        add(name)
    soundfile.write(AUDIO / "vorbis.ogg", sound, 16000, format="OGG", subtype="VORBIS")
    add("vorbis.ogg", tolerance=1e-4)

    program = imageio_ffmpeg.get_ffmpeg_exe()
    source = AUDIO / "pcm_16_long.wav"
    soundfile.write(source, samples("music", 16000, 6400, 1), 16000, subtype="PCM_16")
    for name, options in {
        "lossy.mp3": ["-c:a", "libmp3lame", "-b:a", "64k"],
        "lossy.m4a": ["-c:a", "aac", "-b:a", "64k"],
        "lossy.opus": ["-c:a", "libopus", "-b:a", "48k"],
        "sound_of_video.mp4": ["-f", "lavfi", "-i", "testsrc2=size=32x32:rate=5:duration=0.4",
                               "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    }.items():
        command = [program, "-loglevel", "error", "-y", "-i", str(source), *options, "-bitexact"]
        subprocess.run([*command, str(AUDIO / name)], check=True)
        entries.append({"file": name, "lossy_copy_of": "music",
                        "rate": 48000 if name.endswith("opus") else 16000})
    source.unlink()
    return entries


def main():
    shutil.rmtree(AUDIO, ignore_errors=True)
    AUDIO.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        entries, tensors = make_tensors(Path(folder))
    make_spectrum(tensors)
    manifest = {"tensor_step": TENSOR_STEP, "resampled_step": RESAMPLED_STEP, "tensors": entries,
                "clips": make_clips(), "files": make_files(tensors)}
    (AUDIO / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    write_gguf(AUDIO / "expected.gguf", tensors)


if __name__ == "__main__":
    main()
