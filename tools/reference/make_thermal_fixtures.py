#!/usr/bin/env python3
"""Makes the files of thermal cameras in tests/fixtures/sensors, and what they measured.

All hold the same small scene. FLIR's block is written by the layout that flyr and exiftool read;
the degrees are flyr's. Pictures, TIFF, JPEG-LS and films come from their usual writers: Pillow,
tifffile, CharLS, ffmpeg.

    pip install flyr==5.1.0 numpy pillow tifffile imagecodecs pyjpegls imageio-ffmpeg
    python tools/reference/make_thermal_fixtures.py
"""

import io
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import flyr
import imagecodecs
import imageio_ffmpeg
import jpeg_ls
import numpy as np
import tifffile
from PIL import Image

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "sensors"
WIDTH, HEIGHT = 32, 24
KELVIN = 273.15
# A T640 in its middle range.
CAMERA = {
    0x20: 0.95, 0x24: 1.5, 0x28: 22 + KELVIN, 0x2C: 20 + KELVIN, 0x30: 21 + KELVIN, 0x34: 0.98,
    0x3C: 0.5, 0x58: 17096.453, 0x5C: 1428.0, 0x60: 1.0, 0x70: 0.006569, 0x74: 0.01262,
    0x78: -0.002276, 0x7C: -0.00667, 0x80: 1.9, 0x90: 150 + KELVIN, 0x94: -40 + KELVIN,
    0x30C: 0.046642166,
}
PLANCK_O = -342


def scene() -> np.ndarray:
    """Counts: a warm ball before a cool wall that isn't even."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    ball = 2600 * np.exp(-((x - 11) ** 2 + (y - 9) ** 2) / 30)
    return np.round(13800 + 9.0 * x - 4.5 * y + ball).astype(np.uint16)


# --- FLIR's block --------------------------------------------------------------------------------


def raw_record(counts: np.ndarray, coding: str) -> bytes:
    height, width = counts.shape
    if coding == "plain":
        pixels = counts.astype("<u2").tobytes()
    elif coding == "PNG":  # little-endian numbers, which PNG's aren't
        stream = io.BytesIO()
        Image.fromarray(counts.byteswap()).save(stream, "PNG")
        pixels = stream.getvalue()
    else:
        pixels = bytes(jpeg_ls.encode_array(counts))
    return struct.pack("<16H", 2, width, height, 0, 0, 0, width - 1, 0, height - 1,
                       15, 2, 0, 0, 3, 0, 0) + pixels


def camera_record(order: str) -> bytes:
    record = bytearray(0x9AC)
    struct.pack_into(order + "3H", record, 0, 2, WIDTH, HEIGHT)
    for at, value in CAMERA.items():
        struct.pack_into(order + "f", record, at, value)
    struct.pack_into(order + "i", record, 0x308, PLANCK_O)
    record[0xD4:0xDE] = b"FLIR T640\0"
    record[0x170:0x176] = b"FOL25\0"
    return bytes(record)


def block(counts: np.ndarray, coding: str, order: str, with_camera=True, camera_order="<") -> bytes:
    """An FFF block; `order` is that of its directory."""
    subtypes = {"plain": 2, "PNG": 3, "JPEG-LS": 3}
    records = [(1, subtypes[coding], raw_record(counts, coding))]
    if with_camera:
        records.append((0x20, 1, camera_record(camera_order)))
    n_entries = len(records) if order == "<" else 14  # cameras leave empty ones
    header = struct.pack(order + "4s16s4I", b"FFF\0", b"CAMCTRL", 101, 64, n_entries, 2)
    directory, content = b"", b""
    begin = 64 + 32 * n_entries
    for kind, subtype, record in records:
        directory += struct.pack(order + "2H7I", kind, subtype, 100, 1, begin + len(content),
                                 len(record), 0, 0, 0)
        content += record
    return header.ljust(64, b"\0") + directory.ljust(32 * n_entries, b"\0") + content


# --- JPEG with segments --------------------------------------------------------------------------


def picture(maker: str, model: str, size=(4 * WIDTH, 4 * HEIGHT), orientation=1) -> bytes:
    """What the screen shows: false colours that say nothing about the measurement."""
    y, x = np.mgrid[0:size[1], 0:size[0]] / max(size)
    colours = np.stack([255 * (1 - x), 90 * y, 255 * x], axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = maker, model, orientation
    stream = io.BytesIO()
    Image.fromarray(colours).save(stream, "JPEG", quality=60, exif=exif)
    return stream.getvalue()


def with_segments(jpeg: bytes, segments: list) -> bytes:
    """Segments behind the first one, which is Exif's."""
    end = 4 + struct.unpack(">H", jpeg[4:6])[0]
    added = b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
                     for marker, content in segments)
    return jpeg[:end] + added + jpeg[end:]


def flir_jpeg(content: bytes, piece: int, **options) -> bytes:
    pieces = [content[at:at + piece] for at in range(0, len(content), piece)]
    segments = [(0xE1, b"FLIR\0\1" + bytes([number, len(pieces) - 1]) + part)
                for number, part in enumerate(pieces)]
    return with_segments(picture("FLIR Systems AB", "FLIR T640", **options), segments)


def split(marker: int, content: bytes, piece: int) -> list:
    return [(marker, content[at:at + piece]) for at in range(0, len(content), piece)]


def infiray(celsius: np.ndarray, count_bytes: bool) -> bytes:
    """A sensor's picture, then temperatures in 64ths of a kelvin. `count_bytes`: the header as the P2
    Pro writes it, with twice the rows of 8 bits."""
    kelvin = np.round((celsius.astype(np.float64) + KELVIN) * 64).astype("<u2")
    header = bytearray(0x50)
    header[4:10] = b"IJPEG\0"
    rows, bits = (2 * HEIGHT, 8) if count_bytes else (HEIGHT, 16)
    for at in (0x20, 0x30):
        struct.pack_into("<QHHHB", header, at, kelvin.nbytes, 0, WIDTH, rows, bits)
    sensor = bytearray(0x300)
    sensor[:10] = b"infisense\0"
    content = np.flip(kelvin).tobytes() + kelvin.tobytes()
    return with_segments(picture("", ""), [(0xE2, bytes(header)), *split(0xE3, content, 1000),
                                           (0xE9, bytes(sensor))])


# --- The other formats ---------------------------------------------------------------------------


def tiff(values: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, metadata=None, **options)
    return stream.getvalue()


def gdal(items: str) -> tuple:
    text = f"<GDALMetadata>{items}</GDALMetadata>"
    return (42112, "s", len(text) + 1, text, True)


def png16(values: np.ndarray, orientation=None) -> bytes:
    stream = io.BytesIO()
    options = {}
    if orientation:
        exif = Image.Exif()
        exif[274] = orientation
        options["exif"] = exif
    Image.fromarray(values).save(stream, "PNG", **options)
    return stream.getvalue()


def transparent_png(values: np.ndarray) -> bytes:
    """The number 0 is transparent, as GDAL writes nodata."""
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    png = stream.getvalue()
    chunk = b"tRNS" + struct.pack(">H", 0)
    end = 8 + 25  # signature, IHDR
    return png[:end] + struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[end:]


def film(frames: np.ndarray, pixels: str, arguments: list) -> bytes:
    """Frames of raw pixels -> FFV1 in Matroska."""
    height, width = frames.shape[1:3]
    with tempfile.NamedTemporaryFile(suffix=".mkv") as file:
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo",
             "-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", "5", "-i", "-",
             "-c:v", "ffv1", "-fflags", "+bitexact", "-flags", "+bitexact", *arguments, file.name],
            input=frames.tobytes(), check=True)
        return Path(file.name).read_bytes()


def pq(light: float) -> float:
    """SMPTE ST 2084: cd/m^2 -> 0..1."""
    power = (light / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(light: float) -> float:
    """ARIB STD-B67: light of the scene, 0..1 -> 0..1."""
    if light <= 1 / 12:
        return (3 * light) ** 0.5
    return 0.17883277 * np.log(12 * light - 0.28466892) + 0.55991073


def grey_film(signals: list, transfer: str) -> bytes:
    """One frame of grey stripes of 16 columns, limited range, 10 bits."""
    luma = np.repeat([round(64 + 876 * signal) for signal in signals], 16)
    planes = np.concatenate([np.tile(luma, 32), np.full(2 * len(luma) // 2 * 16, 512)])
    frame = planes.astype("<u2").reshape(1, -1)
    with tempfile.NamedTemporaryFile(suffix=".mkv") as file:
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo",
             "-pix_fmt", "yuv420p10le", "-s", f"{len(luma)}x32", "-r", "5",
             "-i", "-", "-c:v", "ffv1", "-vf",
             f"setparams=range=tv:color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc",
             "-fflags", "+bitexact", "-flags", "+bitexact", file.name],
            input=frame.tobytes(), check=True)
        return Path(file.name).read_bytes()


def npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def flyr_celsius(jpeg: bytes) -> np.ndarray:
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(jpeg)
        file.flush()
        return np.asarray(flyr.unpack(file.name).celsius, dtype=np.float32)


def make_files() -> dict:
    counts = scene()
    files = {
        "flir_png.jpg": flir_jpeg(block(counts, "PNG", ">", camera_order=">"), 65524),
        "flir_plain.jpg": flir_jpeg(block(counts, "plain", ">"), 700),
        "flir_little.jpg": flir_jpeg(block(counts, "plain", "<"), 65524),
        "flir_turned.jpg": flir_jpeg(block(counts, "plain", ">"), 65524, orientation=6),
        "flir_photo.jpg": flir_jpeg(block(counts, "plain", ">").replace(
            struct.pack(">2H", 1, 2), struct.pack(">2H", 0x2E, 2), 1), 65524),
        "flir.fff": block(counts, "plain", "<"),
        "flir_counts.fff": block(counts, "plain", "<", with_camera=False),
        "flir_film.seq": block(counts, "plain", "<") + block(counts[::-1], "plain", "<"),
        "flir_film.csq": block(counts, "JPEG-LS", "<") + block(counts[::-1], "JPEG-LS", "<"),
        "counts.npy": npy(counts),
    }
    files["flir_celsius.npy"] = npy(flyr_celsius(files["flir_plain.jpg"]))
    data = counts.astype("<u2").tobytes()
    table = bytes(512)
    dji = picture("DJI", "ZH20T", size=(WIDTH, HEIGHT))
    files["dji_app3.jpg"] = with_segments(
        dji, split(0xE3, data, 500) + [(0xE4, b"\xAA\x55\x12\x06" + bytes(60))])
    # Without an end marker, as the XT S writes it.
    files["dji_app4.jpg"] = with_segments(
        picture("DJI", "XT S", size=(WIDTH, HEIGHT)),
        [(0xE3, table), *split(0xE4, data, 500)])[:-2]

    celsius = (counts / 100.0 - 120).astype(np.float32)
    holes = celsius.copy()
    holes[:, :9] = -9999
    kelvin = np.round((celsius.astype(np.float64) + KELVIN) * 100).astype(np.uint16)
    mask = np.full_like(counts, 65535)
    mask[20:] = 0
    zero = kelvin.copy()
    zero[:, :9] = 0
    bands = np.stack([counts, counts[::-1], counts[:, ::-1]])
    files |= {
        "celsius.npy": npy(celsius),
        "infiray.jpg": infiray(celsius, False),
        "infiray_p2pro.jpg": infiray(celsius, True),
        "nodata_tag.tif": tiff(holes, extratags=[(42113, "s", 6, "-9999", True)]),
        "nodata_9999.tif": tiff(holes),
        "nodata_zero.tif": tiff(zero),
        "alpha.tif": tiff(np.stack([counts, mask], axis=-1), photometric="minisblack",
                          planarconfig="contig", extrasamples=["unassalpha"]),
        "mask_plane.tif": tiff(np.stack([counts, mask]), photometric="minisblack",
                               planarconfig="separate", extrasamples=["unspecified"]),
        "three_bands.tif": tiff(bands, photometric="minisblack", planarconfig="separate",
                                extratags=[gdal('<Item name="DESCRIPTION" sample="2" '
                                                'role="description">LWIR</Item>')]),
        "pages.tif": tiff(np.stack([counts] * 3), photometric="minisblack"),
        "scaled.tif": tiff(kelvin, extratags=[gdal(
            '<Item name="SCALE" sample="0" role="scale">0.01</Item>'
            '<Item name="UNITTYPE" sample="0" role="unittype">K</Item>')]),
        "swapped.png": png16(counts.byteswap()),
        "turned_6.png": png16(counts, 6),
        "alpha.png": imagecodecs.png_encode(np.stack([counts, mask], axis=-1)),
        "transparent.png": transparent_png(zero),
        "turned_8.tif": tiff(counts, extratags=[(274, "H", 1, 8, True)]),
        "grey16.mkv": film(np.stack([counts[::-1], counts, counts[:, ::-1]]), "gray16le", []),
        "anamorphic.mkv": film(np.full((1, 32, 24, 3), 90, np.uint8), "rgb24",
                               ["-pix_fmt", "yuv444p", "-aspect", "3:2"]),
        "hdr10.mkv": grey_film([pq(light) for light in (0.5, 5, 50, 100, 203, 1000)], "smpte2084"),
        "hlg.mkv": grey_film([hlg(light) for light in (0.001, 0.01, 0.05, 0.1, 0.5, 1)],
                             "arib-std-b67"),
    }
    return files


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, content in make_files().items():
        (FIXTURES / name).write_bytes(content)


if __name__ == "__main__":
    main()
