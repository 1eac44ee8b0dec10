#!/usr/bin/env python3
"""Makes examples/data: one small synthetic file of each kind of input. Needs numpy and pillow.

    python tools/data/make_examples.py
"""

import io
import struct
import wave
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
GRAVITY = 9.80665


def scene(width: int, height: int, ball_at: float) -> Image.Image:
    """A red ball on a green floor before a blue wall. `ball_at`: 0 left to 1 right."""
    image = Image.new("RGB", (width, height), (120, 160, 210))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, int(0.65 * height), width, height), fill=(70, 130, 60))
    radius = 0.16 * height
    x, y = radius + ball_at * (width - 2 * radius), 0.62 * height
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(200, 40, 30))
    return image


def scene_depth(width: int, height: int, ball_at: float) -> np.ndarray:
    """The same in metres, from 1.5 m above the floor."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    floor = 1.5 / np.maximum((y / height - 0.4) * 0.9, 1e-3)
    depth = np.minimum(4.0, floor)
    radius = 0.16 * height
    distance = np.hypot(x - (radius + ball_at * (width - 2 * radius)), y - 0.62 * height) / radius
    return np.where(distance < 1, 2.2 - 0.3 * np.sqrt(np.maximum(1 - distance**2, 0)), depth)


def write_pictures() -> None:
    scene(160, 120, 0.4).save(DATA / "picture.png")
    millimetres = np.round(scene_depth(160, 120, 0.4) * 1000).astype(np.uint16)
    millimetres[:, :4] = 0  # no measurement at the edge, as real sensors have it
    Image.fromarray(millimetres).save(DATA / "depth_mm.png")
    person = np.round(person_depth() * 1000).astype(np.uint16)
    Image.fromarray(person).save(DATA / "person_depth_mm.png")
    np.save(DATA / "depth_m.npy", scene_depth(80, 60, 0.4).astype(np.float32))
    y, x = np.mgrid[0:60, 0:80].astype(np.float64)
    body = np.exp(-(((x - 40) / 9) ** 2 + ((y - 34) / 20) ** 2) ** 2)
    head = np.exp(-(((x - 40) / 6) ** 2 + ((y - 10) / 6) ** 2) ** 2)
    celsius = 19 + 0.03 * y + 14 * np.maximum(body, head)
    centikelvin = np.round((celsius + 273.15) * 100).astype(np.uint16)
    Image.fromarray(centikelvin).save(DATA / "thermal_centikelvin.png")
    grey = np.clip((celsius - 18) / 17 * 255, 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(DATA / "thermal_grey.png")


def write_sound() -> None:
    """Two seconds of a bell."""
    rate = 8000
    time = np.arange(2 * rate) / rate
    partials = [(1.0, 520, 2.0), (0.6, 1370, 3.0), (0.4, 2510, 5.0)]
    sound = sum(loud * np.sin(2 * np.pi * pitch * time) * np.exp(-fade * time)
                for loud, pitch, fade in partials)
    write_wave("bell.wav", rate, sound * 12000)


def write_wave(name: str, rate: int, samples: np.ndarray) -> None:
    with wave.open(str(DATA / name), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())


def write_siren() -> None:
    """Four seconds of a siren: a tone with two overtones, once up and down."""
    rate, seconds, middle, swing = 16000, 4, 1000, 450
    time = np.arange(seconds * rate) / rate
    phase = 2 * np.pi * np.cumsum(middle - swing * np.cos(2 * np.pi * time / seconds)) / rate
    sound = sum(loud * np.sin(overtone * phase) for overtone, loud in ((1, 1.0), (2, 0.4), (3, 0.25)))
    sound += 0.02 * np.random.default_rng(1).standard_normal(time.size)
    write_wave("siren.wav", rate, sound * 6000)


def person_depth() -> np.ndarray:
    """A person 2.5 m away with the right hand raised, in metres; 0: nothing in reach."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    depth = np.zeros((240, 320))

    def limb(x0: float, y0: float, x1: float, y1: float, radius: float, near: float) -> None:
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0))
                        / ((x1 - x0) ** 2 + (y1 - y0) ** 2 + 1e-9), 0, 1)
        away = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) / radius
        depth[away < 1] = 2.5 - near - 0.1 * np.sqrt(1 - away[away < 1] ** 2)

    limb(160, 92, 160, 140, 21, 0)             # trunk
    limb(152, 145, 148, 205, 10, 0)            # legs
    limb(168, 145, 172, 205, 10, 0)
    limb(178, 85, 190, 130, 7, 0)              # the arm that hangs
    limb(142, 85, 118, 72, 7, 0.1)             # the raised one
    limb(118, 72, 112, 40, 6, 0.15)
    limb(160, 58, 160, 56, 13, 0)              # head
    return depth


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def listed(name: bytes, content: bytes) -> bytes:
    return chunk(b"LIST", name + content)


def write_video() -> None:
    """Three seconds of the ball rolling from left to right: Motion JPEG in an AVI file."""
    width, height, rate, count = 96, 72, 10, 30
    frames = []
    for i in range(count):
        stream = io.BytesIO()
        scene(width, height, i / (count - 1)).save(stream, "JPEG", quality=60)
        frames.append(stream.getvalue())
    largest = max(len(frame) for frame in frames)
    main = struct.pack("<14I", 1_000_000 // rate, largest * rate, 0, 0x10, count, 0, 1, largest,
                       width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIII4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, rate, 0, count,
                         largest, 0xFFFFFFFF, 0, 0, 0, width, height)
    picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3,
                          0, 0, 0, 0)
    movie, index, at = b"", b"", 4
    for frame in frames:
        index += struct.pack("<4sIII", b"00dc", 0x10, at, len(frame))
        block = chunk(b"00dc", frame)
        movie += block
        at += len(block)
    streams = listed(b"strl", chunk(b"strh", stream) + chunk(b"strf", picture))
    head = listed(b"hdrl", chunk(b"avih", main) + streams)
    body = b"AVI " + head + listed(b"movi", movie) + chunk(b"idx1", index)
    (DATA / "rolling_ball.avi").write_bytes(chunk(b"RIFF", body))


def write_motion() -> None:
    """Six seconds of somebody walking with a phone upright in a pocket (y up), 100 samples a second: a
    stride is two steps, a step has harmonics of the heel's strike, and sensors have noise."""
    generator = np.random.default_rng(1)
    time = np.arange(600) / 100
    step = 2 * np.pi * 1.8 * time
    stride = step / 2
    up = 3 * np.sin(step) + 1.5 * np.sin(2 * step + 0.8) + 0.75 * np.sin(3 * step + 1.5)
    forward = 1.5 * np.cos(step + 0.4) + 0.9 * np.sin(2 * step)
    aside = 1.2 * np.sin(stride) + 0.45 * np.sin(3 * stride)
    turning = [0.5 * np.sin(stride) + 0.2 * np.sin(step),
               0.8 * np.sin(stride + 0.6) + 0.3 * np.sin(step + 1),
               0.4 * np.sin(stride + 1.2) + 0.1 * np.sin(2 * step)]
    columns = [time]
    columns += [axis + 0.25 * generator.standard_normal(time.size)
                for axis in (aside, GRAVITY + up, forward)]
    columns += [axis + 0.05 * generator.standard_normal(time.size) for axis in turning]
    lines = ["# Accelerometer in m/s^2, gyroscope in rad/s",
             "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z"]
    lines += [",".join(f"{value:.3f}" for value in row) for row in zip(*columns)]
    (DATA / "walking_imu.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    write_pictures()
    write_sound()
    write_siren()
    write_video()
    write_motion()


if __name__ == "__main__":
    main()
