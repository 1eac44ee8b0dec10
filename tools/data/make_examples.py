#!/usr/bin/env python3
"""Makes examples/data: at least one file of each kind of input. Needs numpy, pillow, and the demo's photos (scripts/setup.sh).

    python3 tools/data/make_examples.py
"""

import io
import struct
import wave
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import drawn_examples

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "examples" / "data"
PHOTOS = ROOT / ".cache" / "demo"  # scripts/demo_photos.tsv; those that are taken into DATA are CC0
PHOTO_SIZE = (450, 300)
FILM_SIZE = (96, 72)  # width, height
FILM_RATE = 10  # frames a second
FILM_FRAMES = 30
SOUND_PEAK = 8163  # of 32767


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


def write_depth(path: Path, metres: np.ndarray) -> None:
    """Millimetres in 16 bits; 0: not measured."""
    Image.fromarray(np.round(metres * 1000).astype(np.uint16)).save(path)


def write_thermal(path: Path, celsius: np.ndarray) -> None:
    """What a radiometric camera measures: centikelvin in 16 bits."""
    Image.fromarray(np.round((celsius + 273.15) * 100).astype(np.uint16)).save(path)


def write_thermal_grey(path: Path, celsius: np.ndarray) -> None:
    """What a thermal camera shows: 18 degrees black, 35 white."""
    Image.fromarray(np.clip((celsius - 18) / 17 * 255, 0, 255).astype(np.uint8)).save(path)


def write_wave(path: Path, rate: int, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())


def write_sound(path: Path, sound: np.ndarray) -> None:
    write_wave(path, drawn_examples.SOUND_RATE, sound * (SOUND_PEAK / np.abs(sound).max()))


def write_bell(path: Path) -> None:
    """Two seconds of a bell."""
    rate = 8000
    time = np.arange(2 * rate) / rate
    partials = [(1.0, 520, 2.0), (0.6, 1370, 3.0), (0.4, 2510, 5.0)]
    sound = sum(loud * np.sin(2 * np.pi * pitch * time) * np.exp(-fade * time)
                for loud, pitch, fade in partials)
    write_wave(path, rate, sound * 12000)


def write_motion(path: Path, samples: np.ndarray) -> None:
    """`samples`: (n, 6), as drawn_examples makes them."""
    time = np.arange(len(samples)) / drawn_examples.MOTION_RATE
    lines = ["# Accelerometer in m/s^2, gyroscope in rad/s",
             "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z"]
    lines += [",".join(f"{value:.3f}" for value in row) for row in np.column_stack([time, samples])]
    path.write_text("\n".join(lines) + "\n")


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def listed(name: bytes, content: bytes) -> bytes:
    return chunk(b"LIST", name + content)


def write_film(path: Path, pictures: list[Image.Image], quality: int) -> None:
    """Motion JPEG in an AVI file."""
    width, height = pictures[0].size
    frames = []
    for picture in pictures:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        frames.append(stream.getvalue())
    largest = max(len(frame) for frame in frames)
    main = struct.pack("<14I", 1_000_000 // FILM_RATE, largest * FILM_RATE, 0, 0x10, len(frames), 0, 1, largest,
                       width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIII4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, FILM_RATE, 0, len(frames),
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
    path.write_bytes(chunk(b"RIFF", body))


def write_rolling_ball(path: Path) -> None:
    """Three seconds of the ball rolling from left to right."""
    write_film(path, [scene(*FILM_SIZE, i / (FILM_FRAMES - 1)) for i in range(FILM_FRAMES)], 60)


def write_pan(path: Path, photo: Image.Image) -> None:
    """Three seconds in which a camera moves over a photo, from left to right."""
    width, height = 160, 120
    crop_width = min(photo.width * 0.8, photo.height * width / height)
    crop_height = crop_width * height / width
    top = (photo.height - crop_height) / 2
    pictures = []
    for i in range(FILM_FRAMES):
        left = (photo.width - crop_width) * i / (FILM_FRAMES - 1)
        pictures.append(photo.resize((width, height), Image.Resampling.LANCZOS,
                                     box=(left, top, left + crop_width, top + crop_height)))
    write_film(path, pictures, 50)


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    scene(160, 120, 0.4).save(DATA / "picture.png")
    metres = scene_depth(160, 120, 0.4)
    metres[:, :4] = 0  # no measurement at the edge, as real sensors have it
    write_depth(DATA / "depth_mm.png", metres)
    np.save(DATA / "depth_m.npy", scene_depth(80, 60, 0.4).astype(np.float32))
    write_depth(DATA / "person_depth_mm.png", drawn_examples.DEPTH_MAPS["picking something up"]())
    person = drawn_examples.THERMAL_PICTURES["standing person"]()
    write_thermal(DATA / "thermal_centikelvin.png", person)
    write_thermal_grey(DATA / "thermal_grey.png", person)
    write_bell(DATA / "bell.wav")
    write_sound(DATA / "siren.wav", drawn_examples.SOUNDS["siren, wailing"]())
    write_rolling_ball(DATA / "rolling_ball.avi")
    write_pan(DATA / "cat.avi", Image.open(PHOTOS / "chelsea.png").convert("RGB"))
    photo = Image.open(PHOTOS / "coffee.png").convert("RGB")
    photo.resize(PHOTO_SIZE, Image.Resampling.LANCZOS).save(DATA / "coffee.jpg", quality=85)
    write_motion(DATA / "walking_imu.csv", drawn_examples.MOTIONS["walking"]())


if __name__ == "__main__":
    main()
