#!/usr/bin/env python3
"""Makes tests/fixtures/video: tiny synthetic videos and what the reference makes of them.

Frames and views come from the reference's loader with its decoder, decord. Where that has known
faults (open GOPs and streams in which it can't seek exactly, formats that it doesn't open), they
come from a decoding of the whole file by the ffmpeg program with the reference's arithmetic on top;
for the other files both ways are compared here (libswscale of FFmpeg 9 and decord's of FFmpeg 4
differ in the chroma of odd sizes and of 10 bits). Needs the packages of media_reference.py and
imageio-ffmpeg (an ffmpeg program).

    python tools/reference/make_video_fixtures.py
"""

import json
import math
import shutil
import subprocess
from pathlib import Path

import decord
import imageio_ffmpeg
import numpy as np
import torch
from pytorchvideo.data.clip_sampling import ConstantClipsPerVideoSampler

import media_reference
from media_reference import EncodedVideo, data, picked, write_gguf

VIDEO = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "video"
PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()
TENSOR_STEP = 2003  # a prime, so that every plane, row and column is met
H264 = "-c:v libx264 -preset medium -crf 32 -pix_fmt yuv420p"


def source(size: str, rate: str, seconds: float) -> str:
    return f"-f lavfi -i testsrc2=size={size}:rate={rate}:duration={seconds}"


# name: (options of ffmpeg, whose frames are expected)
FILES = {
    "h264_25.mp4": (f"{source('96x72', '25', 6.2)} {H264}", "decord"),
    "h264_29_97_sound.mp4": (f"{source('96x54', '30000/1001', 4)} -f lavfi -i sine=440:duration=4 "
                             f"{H264} -c:a aac -b:a 32k", "decord"),
    "half_second.mp4": (f"{source('96x72', '25', 0.5)} {H264}", "decord"),
    "one_frame.mp4": (f"{source('96x72', '25', 1)} -frames:v 1 {H264}", "decord"),
    "portrait.mp4": (f"{source('54x96', '24', 3)} {H264}", "decord"),
    "square.mp4": (f"{source('64x64', '24', 2.5)} {H264}", "decord"),
    "odd_size.webm": (f"{source('90x62', '25', 2.5)} -vf scale=83:57,format=yuv420p "
                      "-c:v libvpx-vp9 -b:v 60k", "decord"),
    "variable_rate.mkv": (f"{source('96x72', '25', 6)} -vf select=not(mod(n\\,3))+gt(n\\,80) "
                          f"-fps_mode vfr {H264}", "decord"),
    "bt709.mp4": (f"{source('96x72', '25', 0.4)} {H264} -colorspace bt709 -color_primaries bt709 "
                  "-color_trc bt709", "decord"),
    "full_range_422.mp4": (f"{source('96x72', '25', 0.4)} -c:v libx264 -crf 32 -pix_fmt yuvj422p "
                           "-color_range pc", "decord"),
    "ten_bit.mp4": (f"{source('96x72', '25', 0.4)} -c:v libx264 -crf 32 -pix_fmt yuv420p10le",
                    "decord"),
    "open_gop.mp4": (f"{source('96x72', '25', 4)} {H264} -g 20 -bf 3 -x264-params open-gop=1",
                     "ffmpeg"),
    "stream.ts": (f"{source('96x72', '25', 4)} {H264} -g 30", "ffmpeg"),
    "b_frames.avi": (f"{source('96x72', '25', 3)} -c:v mpeg4 -bf 2 -q:v 12", "ffmpeg"),
    "raw.h264": (f"{source('96x72', '25', 3)} {H264} -f h264", "ffmpeg"),
    "animation.gif": (f"{source('64x48', '10', 2.4)}", "ffmpeg"),
}
ROTATED = {"rotated_90.mp4": "-90", "rotated_180.mp4": "180", "rotated_270.mp4": "90"}


def ffmpeg(arguments: list) -> bytes:
    command = [PROGRAM, "-loglevel", "error", "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def make_files() -> None:
    for name, (options, _) in FILES.items():
        ffmpeg([*options.split(), "-threads", "1", "-bitexact", str(VIDEO / name)])
    original = str(VIDEO / "portrait.mp4")
    for name, turn in ROTATED.items():
        ffmpeg(["-display_rotation", turn, "-i", original, "-c", "copy", "-bitexact",
                str(VIDEO / name)])
    # The first pictures are there for the sake of the others and hidden by an edit list.
    ffmpeg(["-ss", "1.3", "-i", str(VIDEO / "open_gop.mp4"), "-c", "copy", "-bitexact",
            str(VIDEO / "edit_list.mp4")])
    ffmpeg([*f"-f lavfi -i sine=440:duration=0.3 -c:a aac -bitexact {VIDEO / 'only_sound.mp4'}".split()])


class WholeVideo:
    """EncodedVideoDecord's arithmetic on frames that have all been decoded in order."""

    def __init__(self, path: Path, rate: float):
        probe = subprocess.run([PROGRAM, "-i", str(path)], capture_output=True, text=True).stderr
        line = next(text for text in probe.splitlines() if "Video:" in text)
        self.size = next(part for part in line.replace(",", " ").split()
                         if part.count("x") == 1 and part.replace("x", "").isdigit())
        width, height = (int(side) for side in self.size.split("x"))
        raw = ffmpeg(["-noautorotate", "-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo",
                      "-pix_fmt", "rgb24", "-sws_flags", "bilinear", "-"])
        self.frames = np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)
        self.rate = rate
        self.duration = float(len(self.frames)) / rate

    def get_clip(self, start, end):
        begin = math.ceil(self.rate * start)
        stop = min(math.ceil(self.rate * end), len(self.frames))
        frames = torch.from_numpy(self.frames[begin:stop].copy()).float()
        return {"video": frames.permute(3, 0, 1, 2)}


def reference_views(path: Path, opened=None) -> np.ndarray:
    EncodedVideo.from_path = staticmethod(
        lambda name, **options: opened or media_reference.open_video(name, **options)
    )
    return data.load_and_transform_video_data([str(path)], "cpu")[0].numpy()


def frame_numbers(duration: float, rate: float, frames: int) -> list:
    sampler = ConstantClipsPerVideoSampler(clip_duration=2, clips_per_video=5)
    numbers = []
    for start, end in data.get_clip_timepoints(sampler, duration):
        begin, stop = math.ceil(rate * start), min(math.ceil(rate * end), frames)
        numbers.append([begin, stop - 1])
    return numbers


def main():
    decord.logging.set_level(decord.logging.ERROR)
    shutil.rmtree(VIDEO, ignore_errors=True)
    VIDEO.mkdir(parents=True)
    make_files()
    expected_from = {name: origin for name, (_, origin) in FILES.items()}
    expected_from |= dict.fromkeys(ROTATED, "decord") | {"edit_list.mp4": "ffmpeg"}
    entries, tensors = [], {}
    for name, origin in expected_from.items():
        path = VIDEO / name
        if origin == "decord":
            reader = decord.VideoReader(str(path))
            rate, frames = reader.get_avg_fps(), len(reader)
            height, width = reader[0].shape[:2]
            views = reference_views(path)
            if name not in ROTATED:
                whole = reference_views(path, WholeVideo(path, rate))
                difference = np.abs(whole - views)
                print(f"{name}: decord and ffmpeg differ by {difference.max():.4f}, "
                      f"{(difference > 0.05).mean():.2%} of the values by more than 0.05")
        else:
            rate = 10.0 if name.endswith("gif") else 25.0
            video = WholeVideo(path, rate)
            frames = len(video.frames)
            height, width = video.frames.shape[1:3]
            views = reference_views(path, video)
        tensors[name] = picked(views, TENSOR_STEP)
        entries.append({"file": name, "frames": frames, "rate": rate, "width": width,
                        "height": height, "rotation": int(name[8:-4]) if name in ROTATED else 0,
                        "numbers": frame_numbers(float(frames) / float(rate), rate, frames),
                        "sound": "sound" in name, "expected_from": origin})
    manifest = {"tensor_step": TENSOR_STEP, "files": entries}
    (VIDEO / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    write_gguf(VIDEO / "expected.gguf", tensors)


if __name__ == "__main__":
    main()
