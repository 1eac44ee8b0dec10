#!/usr/bin/env python3
"""Makes tests/fixtures/sensors: small depth, thermal and IMU files with their tensors.

The expected tensors come from torchvision (resizing, cropping), Pillow (thermal) and NumPy, by the
formulas of docs/modalities.md. Whole tensors are large: every STEPth value is kept, and sums. Needs
pillow >= 13, numpy, tifffile, torch and torchvision.

    python tools/reference/make_sensor_fixtures.py
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image
from torchvision import transforms

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "sensors"
STEP = 487  # a prime, so that rows and columns are mixed
FOCAL_LENGTH, BASELINE = 518.857901, 0.075
BICUBIC = transforms.InterpolationMode.BICUBIC
GRAVITY = 9.80665


def room(width: int, height: int) -> np.ndarray:
    """Depth in metres: a wall at an angle, a ball, a floor."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    wall = 2.0 + 2.5 * x / width
    floor = 1.2 / np.maximum(y / height - 0.55, 1e-3)
    radius = np.hypot(x - 0.4 * width, y - 0.5 * height) / (0.2 * height)
    ball = np.where(radius < 1, 1.4 - 0.3 * np.sqrt(np.maximum(1 - radius**2, 0)), 99)
    return np.minimum(np.minimum(wall, floor), ball)


def fill_holes(metres: np.ndarray) -> np.ndarray:
    """Each hole takes the nearest measured pixel's depth."""
    good = np.isfinite(metres) & (metres > 0)
    ys, xs = np.nonzero(good)
    filled = metres.copy()
    for y, x in zip(*np.nonzero(~good)):
        nearest = np.argmin((ys - y) ** 2 + (xs - x) ** 2)
        filled[y, x] = metres[ys[nearest], xs[nearest]]
    return filled


def depth_tensor(metres: np.ndarray) -> torch.Tensor:
    metres = fill_holes(metres.astype(np.float32)).clip(0.01, 50)
    disparity = np.float32(FOCAL_LENGTH * BASELINE) / metres
    image = torch.from_numpy(disparity)[None].clamp(0.01, 75) / 75
    image = transforms.CenterCrop(224)(transforms.Resize(224, antialias=True)(image))
    return (image - 0.0418) / 0.0295


def exr(values: np.ndarray, channels=("Y",), compression="zip", half=False) -> bytes:
    """A scan-line EXR file; `values` is (height, width) for every channel."""
    height, width = values.shape
    code, lines = {"none": (0, 1), "zip": (3, 16)}[compression]
    sample = 1 if half else 2
    data = values.astype("<f2" if half else "<f4")

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value

    listed = b"".join(name.encode() + b"\0" + struct.pack("<IB3xII", sample, 0, 1, 1)
                      for name in sorted(channels)) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = struct.pack("<II", 20000630, 2)
    head += attribute("channels", "chlist", listed)
    head += attribute("compression", "compression", bytes([code]))
    head += attribute("dataWindow", "box2i", window) + attribute("displayWindow", "box2i", window)
    head += attribute("lineOrder", "lineOrder", b"\0")
    head += attribute("owner", "string", b"somebody whose name FFmpeg need not see")
    head += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    head += attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    head += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    blocks = []
    for top in range(0, height, lines):
        rows = range(top, min(top + lines, height))
        raw = b"".join(data[y].tobytes() * len(channels) for y in rows)
        packed = raw
        if compression == "zip":
            split = np.frombuffer(raw[0::2] + raw[1::2], np.uint8).astype(np.int16)
            split[1:] = (split[1:] - split[:-1] + 128) & 0xFF
            packed = zlib.compress(split.astype(np.uint8).tobytes(), 9)
            packed = packed if len(packed) < len(raw) else raw
        blocks.append(struct.pack("<iI", top, len(packed)) + packed)
    at = len(head) + 8 * len(blocks)
    offsets = b""
    for block in blocks:
        offsets += struct.pack("<Q", at)
        at += len(block)
    return head + offsets + b"".join(blocks)


def png16(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def png8(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def pillow_tiff(values: np.ndarray, compression: str, predictor: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF", compression=compression, tiffinfo={317: predictor})
    return stream.getvalue()


def tiff(values: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def summary(tensor) -> dict:
    values = np.asarray(tensor, dtype=np.float64).reshape(-1)
    return {"count": values.size, "sum": float(values.sum()), "every": STEP,
            "values": [float(np.float32(value)) for value in values[::STEP]]}


def depth_files() -> tuple[dict, list]:
    files, cases = {}, []

    def add(name: str, content: bytes, metres: np.ndarray, **more) -> None:
        files[name] = content
        cases.append({"file": name, "height": metres.shape[0], "width": metres.shape[1],
                      "tensor": summary(depth_tensor(metres)), **more})

    metres = room(80, 60)
    millimetres = np.round(metres * 1000)
    add("depth_mm.png", png16(millimetres), millimetres / 1000)
    holes = millimetres.copy()
    holes[20:31, 35:50] = 0
    holes[:, :3] = 0
    holes[55, 70] = 0
    add("depth_holes.png", png16(holes), holes / 1000)
    single = metres.astype(np.float32)
    add("depth_f32.tif", pillow_tiff(single, "tiff_adobe_deflate", 3), single)
    add("depth_f32_plain.tif", tiff(single[:30]), single[:30])
    add("depth_u16.tif", pillow_tiff(millimetres.astype(np.uint16), "tiff_lzw", 2),
        millimetres / 1000)
    add("depth_u16_be.tif", tiff(millimetres[:20].astype(np.uint16), byteorder=">"),
        millimetres[:20] / 1000)
    tiled = room(70, 50).astype(np.float32)
    add("depth_tiles.tif", tiff(tiled, tile=(16, 16), compression="zlib"), tiled)
    add("depth_y.exr", exr(single), single)
    add("depth_z.exr", exr(single[:33], channels=("Z",), compression="none"), single[:33])
    half = single.astype(np.float16)
    add("depth_half.exr", exr(half, channels=("depth.Z",), half=True), half)
    add("depth_f32.npy", npy(single), single)
    add("depth_f64.npy", npy(room(24, 40)), room(24, 40))
    add("depth_u16.npy", npy(millimetres.astype(">u2")), millimetres / 1000)
    add("depth_fortran.npy", npy(np.asfortranarray(room(31, 17).astype(np.float32))), room(31, 17))
    broken = single.copy()
    broken[5:9, 5:30], broken[40, 40], broken[41, 41] = np.nan, np.inf, -1
    add("depth_nan.npy", npy(broken[None]), broken)
    add("depth_wide.npy", npy(room(300, 20).astype(np.float32)), room(300, 20).astype(np.float32))
    files["depth_three_channels.exr"] = exr(single[:8], channels=("B", "G", "R"))
    files["depth_zero.png"] = png16(np.zeros((12, 16)))
    files["depth_eight_bits.png"] = png8(np.full((12, 16), 7))
    files["depth_colours.png"] = png8(np.full((12, 16, 3), 7))
    files["depth_three_channels.tif"] = tiff(np.zeros((8, 8, 3), np.uint16), photometric="rgb")
    return files, cases


def thermal_tensor(grey: Image.Image) -> torch.Tensor:
    steps = [transforms.Resize(224, interpolation=BICUBIC), transforms.CenterCrop(224),
             transforms.ToTensor()]
    return transforms.Compose(steps)(grey)


def scaled(values: np.ndarray, low=None, high=None) -> Image.Image:
    finite = np.sort(values[np.isfinite(values)].astype(np.float32))
    at = [int(np.floor(q * (finite.size - 1) + 0.5)) for q in (0.01, 0.99)]
    low = finite[at[0]].astype(np.float64) if low is None else low
    high = finite[at[1]].astype(np.float64) if high is None else high
    share = (values.astype(np.float32).astype(np.float64) - low) / (high - low)
    share = np.nan_to_num(share, nan=0)
    return Image.fromarray(np.floor(share.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def thermal_files() -> tuple[dict, list]:
    y, x = np.mgrid[0:48, 0:64].astype(np.float64)
    celsius = 21 + 12 * np.exp(-((x - 20) ** 2 + (y - 25) ** 2) / 90) + 0.05 * y
    celsius[3, 3] = 400
    files, cases = {}, []

    def add(name: str, content: bytes, grey: Image.Image, **more) -> None:
        files[name] = content
        cases.append({"file": name, "tensor": summary(thermal_tensor(grey)), **more})

    levels = np.array(scaled(celsius))
    add("thermal_grey.png", png8(levels), Image.fromarray(levels))
    palette = np.stack([levels, levels // 2, 255 - levels], axis=-1)
    add("thermal_colours.png", png8(palette), Image.fromarray(palette).convert("L"))
    centikelvin = np.round((celsius + 273.15) * 100).astype(np.uint16)
    add("thermal_centikelvin.png", png16(centikelvin), scaled(centikelvin))
    add("thermal_centikelvin.tif", tiff(centikelvin), scaled(centikelvin))
    add("thermal_celsius.npy", npy(celsius.astype(np.float32)), scaled(celsius))
    add("thermal_celsius.npy", npy(celsius.astype(np.float32)), scaled(celsius, 15, 40),
        coldest=15, warmest=40)
    missing = celsius.astype(np.float32)
    missing[10:12] = np.nan
    add("thermal_nan.tif", tiff(missing), scaled(missing))
    return files, cases


def motion(times: np.ndarray) -> np.ndarray:
    """Accelerometer in m/s^2, gyroscope in rad/s of somebody walking."""
    step = 2 * np.pi * 1.8 * times
    return np.stack([
        0.6 * np.sin(step / 2), 0.4 * np.cos(step), GRAVITY + 1.5 * np.sin(step),
        0.3 * np.sin(step), 0.2 * np.cos(step / 2), 0.1 * np.sin(step / 4),
    ], axis=1)


def clips(times: np.ndarray, samples: np.ndarray, seconds=5.0, steps=2000, most=12) -> np.ndarray:
    usual = np.sort(np.diff(times))[(len(times) - 1) // 2]
    duration = times[-1] + usual
    count = int(np.clip(np.floor(duration / seconds + 0.01), 1, most))
    last = max(0.0, duration - seconds)
    starts = [last * i / (count - 1) if count > 1 else 0.0 for i in range(count)]
    step = seconds / steps
    out = np.zeros((count, 6, steps))
    for channel in range(6):
        values = samples[:, channel]
        area = np.concatenate([[0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(times))])

        def integral(t: np.ndarray) -> np.ndarray:
            inside = np.clip(t, times[0], times[-1])
            at = np.clip(np.searchsorted(times, inside, side="right"), 1, len(times) - 1)
            between = np.interp(inside, times, values)
            part = (values[at - 1] + between) / 2 * (inside - times[at - 1])
            outside = np.where(t < inside, values[0], values[-1]) * (t - inside)
            return area[at - 1] + part + outside

        for i, start in enumerate(starts):
            grid = start + np.arange(steps) * step
            if usual < step:
                out[i, channel] = (integral(grid + step / 2) - integral(grid - step / 2)) / step
            else:
                out[i, channel] = np.interp(grid, times, values)
    return out


def table(header: str, columns: np.ndarray, separator=",", digits=5) -> bytes:
    lines = [header] if header else []
    lines += [separator.join(f"{value:.{digits}f}" for value in row) for row in columns]
    return ("\n".join(lines) + "\n").encode()


def imu_files() -> tuple[dict, list]:
    files, cases = {}, []

    def add(name: str, content: bytes, times: np.ndarray, samples: np.ndarray, **options) -> None:
        files[name] = content
        expected = clips(times, samples.astype(np.float32).astype(np.float64))
        case = {"file": name, "n_clips": len(expected), "tensor": summary(expected)}
        cases.append(case | options)

    times = np.arange(300) / 50
    samples = motion(times).round(5)
    add("imu_si.csv", table("time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z",
                            np.column_stack([times, samples])), times, samples)
    mixed = np.column_stack([samples[:, 3:] * 180 / np.pi, samples[:, :3] / GRAVITY]).round(7)
    back = np.column_stack([mixed[:, 3:] * GRAVITY, mixed[:, :3] * np.pi / 180])
    header = "# rate: 50 Hz\nwx [deg/s];wy [deg/s];wz [deg/s];ax [g];ay [g];az [g]"
    add("imu_g_dps.csv", table(header, mixed, ";", 7).replace(b".", b","),
        times, back)
    add("imu_plain.txt", table("", samples, " "), times, samples, rate_hz=50)
    add("imu_rows.npy", npy(samples.astype(np.float32)), times, samples, rate_hz=50)
    add("imu_columns.npy", npy(samples.T.copy()), times, samples, rate_hz=50)
    dense = np.arange(5300) / 1000
    half = motion(dense).astype(np.float16)
    add("imu_dense.npy", npy(half), dense, half, rate_hz=1000)
    random = np.random.default_rng(5)
    uneven = np.cumsum(random.uniform(0.015, 0.035, 460)) * 1000
    uneven = (uneven - uneven[0]).round(1)
    walk = motion(uneven / 1000).round(5)
    add("imu_milliseconds.csv",
        table("canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z",
              np.column_stack([uneven, walk[:, 3:], walk[:, :3]])), uneven / 1000, walk)
    short = times[:75]
    add("imu_short.csv", table("t,ax,ay,az,gx,gy,gz", np.column_stack([short, samples[:75]])),
        short, samples[:75])
    return files, cases


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for kind, make in (("depth", depth_files), ("thermal", thermal_files), ("imu", imu_files)):
        files, cases = make()
        manifest[kind] = cases
        for name, content in files.items():
            (FIXTURES / name).write_bytes(content)
    (FIXTURES / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
