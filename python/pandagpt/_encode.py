"""Arrays as the files that the library reads, so that an array and a file of the same numbers give the same answer.

Every format here keeps each number as it is."""

import io
import struct
import zlib
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import InputError, UsageError

MAX_BYTES = 2**31 - 1  # of one array, as the formats count them
_GREY, _RGB, _RGBA = 0, 2, 6  # PNG's colour types
_PCM, _FLOAT = 1, 3  # WAV's formats
_MAX_RATE_DENOMINATOR = 1001  # 30000/1001 frames a second is a usual rate


def _shape(array: NDArray[Any]) -> str:
    return f"an array of shape {array.shape} and type {array.dtype}"


def _check_size(array: NDArray[Any], name: str) -> None:
    if array.size == 0:
        raise InputError(f"{name}: {_shape(array)} holds nothing")
    if array.nbytes > MAX_BYTES:
        raise InputError(f"{name}: {_shape(array)} takes more than 2 GiB; give less of it, or a file")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def picture_bytes(array: NDArray[Any], name: str) -> bytes:
    """A PNG file of a picture: (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA, uint8 or
    uint16, the first row on top."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    colours = {2: _GREY, 3: {3: _RGB, 4: _RGBA}.get(array.shape[-1])}.get(array.ndim)
    if colours is None:
        turned = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        raise InputError(f"{name}: {_shape(array)} is no picture, which is (height, width, 3)"
                         + ("; array.transpose(1, 2, 0) makes one" if turned else ""))
    if array.dtype not in (np.uint8, np.uint16):
        what = "; for values from 0 to 1: (array * 255).round().astype(numpy.uint8)" if array.dtype.kind == "f" else ""
        raise InputError(f"{name}: {_shape(array)} is no picture, which is of type uint8, 0 to 255{what}")
    _check_size(array, name)
    height, width = array.shape[:2]
    rows = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    filtered = np.zeros((height, rows.shape[1] + 1), dtype=np.uint8)  # each row begins with its filter: 0, none
    filtered[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, 8 * array.itemsize, colours, 0, 0, 0)
    pixels = zlib.compress(filtered.tobytes(), 0)  # level 0 only copies
    if len(pixels) > MAX_BYTES:
        raise InputError(f"{name}: {_shape(array)} is too large for a picture")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def numbers_bytes(array: NDArray[Any], name: str) -> bytes:
    """An NPY file of measurements: whole numbers or floats."""
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise InputError(f"{name}: {_shape(array)} holds no numbers that can be read; give float32")
    _check_size(array, name)
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def sound_bytes(array: NDArray[Any], rate: float, name: str) -> bytes:
    """A WAV file of a sound: (samples,), (samples, channels) or (channels, samples), the longer side being the
    samples. float: -1 to 1; int16, int32 and uint8: as in WAV files. `rate` is in samples a second."""
    if int(rate) != rate or not 0 < rate < 2**31:
        raise UsageError(f"{name}: the rate of a sound is a whole number of samples a second, not {rate}")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise InputError(f"{name}: {_shape(array)} is no sound, which is (samples,) or (samples, channels)")
    if array.shape[0] < array.shape[1]:
        array = array.T
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    elif array.dtype not in (np.uint8, np.int16, np.int32):
        raise InputError(f"{name}: {_shape(array)} is no sound, which is of floats (-1 to 1), int16, int32 or uint8")
    _check_size(array, name)
    n_channels, itemsize = array.shape[1], array.itemsize
    if n_channels > 0xFFFF // itemsize:
        raise InputError(f"{name}: {_shape(array)} has more channels than a sound can have")
    samples = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    form = struct.pack("<HHIIHH", _FLOAT if array.dtype.kind == "f" else _PCM, n_channels, int(rate),
                       (int(rate) * n_channels * itemsize) & 0xFFFFFFFF, n_channels * itemsize, 8 * itemsize)
    return _riff(b"WAVE", _riff_chunk(b"fmt ", form), _riff_chunk(b"data", samples))


def film_bytes(array: NDArray[Any], rate: float, name: str) -> bytes:
    """An AVI file of a film: (frames, height, width, 3), uint8, RGB. `rate` is in frames a second."""
    if array.ndim != 4 or array.shape[3] != 3 or array.dtype != np.uint8:
        raise InputError(f"{name}: {_shape(array)} is no film, which is (frames, height, width, 3) of type uint8")
    _check_size(array, name)
    if not 0 < rate <= 1000:
        raise UsageError(f"{name}: the rate of a film is from 0 to 1000 frames a second, not {rate}")
    n_frames, height, width = array.shape[:3]
    row_bytes = -(-3 * width // 4) * 4  # rows of bitmaps end at multiples of 4 bytes
    if n_frames * height * row_bytes > MAX_BYTES - 2**20:
        raise InputError(f"{name}: {_shape(array)} takes more than 2 GiB; give less of it, or a file")
    bitmaps = np.zeros((n_frames, height, row_bytes), dtype=np.uint8)  # blue, green, red; the last row first
    bitmaps[:, :, :3 * width] = array[:, ::-1, :, ::-1].reshape(n_frames, height, 3 * width)
    frame_bytes = height * row_bytes
    ratio = Fraction(rate).limit_denominator(_MAX_RATE_DENOMINATOR)
    if ratio == 0:
        raise UsageError(f"{name}: {rate} frames a second are too few")
    main = struct.pack("<14I", round(1_000_000 / ratio), 0, 0, 0x10, n_frames, 0, 1, frame_bytes, width, height,
                       0, 0, 0, 0)  # microseconds a frame, .., 0x10: has an index
    stream = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"vids", b"DIB ", 0, 0, 0, 0, ratio.denominator, ratio.numerator, 0,
                         n_frames, frame_bytes, 0xFFFFFFFF, 0, 0, 0, width & 0xFFFF, height & 0xFFFF)
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, frame_bytes, 0, 0, 0, 0)
    head = _riff_list(b"hdrl", _riff_chunk(b"avih", main),
                      _riff_list(b"strl", _riff_chunk(b"strh", stream), _riff_chunk(b"strf", bitmap)))
    frames = _riff_list(b"movi", *(_riff_chunk(b"00db", one.tobytes()) for one in bitmaps))
    index = b"".join(struct.pack("<4sIII", b"00db", 0x10, 4 + i * (frame_bytes + 8), frame_bytes)
                     for i in range(n_frames))
    return _riff(b"AVI ", head, frames, _riff_chunk(b"idx1", index))


def _riff_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _riff_list(kind: bytes, *parts: bytes) -> bytes:
    return _riff_chunk(b"LIST", kind + b"".join(parts))


def _riff(kind: bytes, *parts: bytes) -> bytes:
    return _riff_chunk(b"RIFF", kind + b"".join(parts))
