"""What can be given as a picture, film, sound, .., and how it reaches the library."""

from __future__ import annotations

import numbers
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Union

import numpy as np

from . import _core
from ._encode import film_bytes, numbers_bytes, picture_bytes, sound_bytes
from ._errors import InputError, InputNotFoundError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from typing_extensions import TypeAlias

Modality = Literal["image", "video", "audio", "thermal", "depth", "imu"]
MODALITIES: tuple[Modality, ...] = ("image", "video", "audio", "thermal", "depth", "imu")

DepthEncoding = Literal["auto", "mm", "m", "tum", "kitti", "vkitti", "sunrgbd", "7scenes", "nyu-raw", "l515", "replica",
                        "disparity", "kitti-disparity", "inverse", "relative-inverse"]

_SAMPLED = ("video", "audio", "imu")  # an array of these needs a rate


@dataclass(frozen=True)
class Input:
    """One input. `image()`, `audio()`, .. make them, with what each kind can be told.

    `source` is a path, the content of a file (bytes, or an open binary file), an array or a PIL picture."""

    modality: Modality
    source: Any
    weight: float = 1.0  #: scales its part in the sum of a question's inputs
    name: str | None = None  #: stands for content and arrays in messages
    rate: float | None = None  #: of an array, or of an IMU recording: samples (frames) a second
    sensor: Mapping[str, Any] = field(default_factory=dict)


if TYPE_CHECKING:
    Source: TypeAlias = Union[str, os.PathLike[str], bytes, bytearray, memoryview, BinaryIO, NDArray[Any], Image,
                              tuple[NDArray[Any], float], Mapping[str, Any], Input]
    Sources: TypeAlias = Union[Source, Sequence[Source], None]


def image(source: Source, *, weight: float = 1.0, name: str | None = None) -> Input:
    """A picture: a file, a PIL picture, or an array (height, width, 3) of type uint8."""
    return Input("image", source, weight, name)


def video(source: Source, *, rate: float | None = None, channel: str | int | None = None,
          frames: Literal["shown", "stored"] | None = None, weight: float = 1.0, name: str | None = None) -> Input:
    """A film: a file, or an array (frames, height, width, 3) of type uint8 with its `rate` in frames a second.
    `channel` is that of its sound, as in `audio()`; see `sound_of_videos`. `frames`: HDR and pixels that aren't square
    as players show them ("shown", the default) or as they are stored."""
    return Input("video", source, weight, name, rate, _known(audio_channel=channel, video_frames=frames))


def audio(source: Source, *, rate: float | None = None, channel: str | int | None = None, weight: float = 1.0,
          name: str | None = None) -> Input:
    """A sound: a file, or an array (samples,) or (samples, channels) with its `rate` in samples a second; floats from
    -1 to 1, or int16. `channel`: "auto", "mix", or a number from 1 on (docs/modalities.md)."""
    return Input("audio", source, weight, name, rate, _known(audio_channel=channel))


def thermal(source: Source, *, range: tuple[float, float] | None = None, weight: float = 1.0,
            name: str | None = None) -> Input:
    """A thermal picture: a file, a PIL picture, or an array (height, width) of temperatures or counts in any unit;
    uint8 is a picture as a camera shows it. `range`: what is black and what is white, in that unit, or in degrees
    Celsius where a file gives degrees."""
    return Input("thermal", source, weight, name, None, _known(thermal_range=range))


def depth(source: Source, *, encoding: DepthEncoding | None = None, unit: float | None = None,
          camera: str | tuple[float, float] | None = None, weight: float = 1.0, name: str | None = None) -> Input:
    """A depth map: a file, a PIL picture, or an array (height, width): floats are metres, whole numbers millimetres.
    `encoding` says what the numbers are where they are something else: "tum", "kitti", "disparity" (which needs the
    `camera`), "inverse", .. (docs/modalities.md); whole numbers without it are taken with a warning. `unit`: metres of
    one unit, of disparities pixels. `camera`: "kinect1", "kinect2", "realsense", "xtion", or the focal length in pixels
    and the baseline in metres."""
    return Input("depth", source, weight, name, None,
                 _known(depth_encoding=encoding, depth_metres_per_unit=unit, depth_camera=camera))


def imu(source: Source | Sequence[Source], *, rate: float | None = None,
        accel_unit: Literal["m/s2", "g", "mg"] | None = None, gyro_unit: Literal["rad/s", "deg/s"] | None = None,
        gravity: Literal["present", "absent"] | None = None, columns: str | None = None, weight: float = 1.0,
        name: str | None = None) -> Input:
    """A recording of an IMU: a file, a folder or a zip archive, a list of the files of its sensors, or an array
    (samples, 6) of accelerometer x, y, z and gyroscope x, y, z, with its `rate` in samples a second. The units are m/s2
    and rad/s unless others are given. An acceleration without gravity is refused unless `gravity` is "absent".
    `columns` ("acc=3-5,gyro=6-8,time=1", counted from 1) says which they are in a table that doesn't."""
    return Input("imu", source, weight, name, rate, _known(acceleration_unit=accel_unit, rotation_unit=gyro_unit,
                                                           imu_gravity=gravity, imu_columns=columns))


def _known(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def core_inputs(inputs: Source | Iterable[Input] | None, by_kind: Mapping[Modality, Sources],
                sound_of_videos: bool = False) -> _core.Inputs:
    """`inputs`, then those of each kind in the order of MODALITIES."""
    if inputs is None:
        inputs = []
    elif isinstance(inputs, Input):
        inputs = [inputs]
    elif isinstance(inputs, (str, bytes, os.PathLike, np.ndarray)) or not isinstance(inputs, Iterable):
        raise UsageError(f"of which kind is this input? Give it by name, as in image=.., not {_described(inputs)}")
    core = _core.Inputs()
    for one in inputs:
        if not isinstance(one, Input):
            raise UsageError(f"inputs are made by image(), audio(), .., or given by name (image=..): {_described(one)}")
        _add(core, one)
    for modality in MODALITIES:
        for source in _listed(by_kind.get(modality)):
            _add(core, _input_of(modality, source))
    if sound_of_videos:
        core.add_sound_of_videos()
    return core


def _described(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}.."


def _listed(sources: Sources) -> Sequence[Source]:
    if sources is None:
        return []
    if isinstance(sources, list) or (isinstance(sources, tuple) and not _is_sampled(sources)):
        return sources
    return [sources]  # type: ignore[list-item]


def _is_sampled(source: object) -> bool:
    """(array, rate)"""
    return (isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], numbers.Real)
            and not isinstance(source[0], numbers.Real))


def _input_of(modality: Modality, source: Source) -> Input:
    if not isinstance(source, Input):
        return Input(modality, source)
    if source.modality != modality:
        raise UsageError(f"{modality}= is given an input of kind {source.modality}")
    return source


def _add(core: _core.Inputs, one: Input) -> None:
    if one.modality not in MODALITIES:
        raise UsageError(f"the modality '{one.modality}' is unknown; there are {', '.join(MODALITIES)}")
    source, rate = one.source, one.rate
    if _is_sampled(source):
        source, rate = source
    elif isinstance(source, Mapping):  # a row of a data set of Hugging Face
        source, rate = _row_content(source, one.modality, rate)
    if rate is not None and not (isinstance(rate, numbers.Real) and 0 < rate < float("inf")):
        raise UsageError(f"the rate of {one.modality} is a number of samples a second, not {rate!r}")
    sensor = _sensor(one, rate)
    if one.modality == "imu" and _is_files(source):
        core.add_recording([_named_file(file, one, rate) for file in source], one.weight, sensor)
    elif isinstance(source, (str, os.PathLike)):
        core.add_file(one.modality, _checked_path(os.fspath(source), one.modality), one.weight, sensor)
    else:
        content, name = _content(source, one, rate)
        core.add_buffer(one.modality, content, name, one.weight, sensor)


def _is_files(source: object) -> bool:
    """The files of one recording, rather than rows of numbers."""
    return (isinstance(source, (list, tuple)) and len(source) > 0
            and all(isinstance(file, (str, os.PathLike)) or hasattr(file, "read") for file in source))


def _named_file(file: Any, one: Input, rate: float | None) -> tuple[bytes, bytes | None]:
    """A path, or an open file's name and content: the name tells the sensor."""
    if isinstance(file, (str, os.PathLike)):
        return _checked_path(os.fspath(file), one.modality), None
    content, name = _content(file, one, rate)
    return os.fsencode(name), content


def _row_content(row: Mapping[str, Any], modality: str, rate: float | None) -> tuple[Any, float | None]:
    """{"array": .., "sampling_rate": ..}, {"bytes": .., "path": ..}"""
    if row.get("array") is not None:
        return row["array"], row.get("sampling_rate", rate)
    content = row.get("bytes") or row.get("path")
    if content is None:
        raise UsageError(f"{modality}: a mapping needs 'array' and 'sampling_rate', or 'bytes', or 'path'")
    return content, rate


def _checked_path(path: str | bytes, modality: str) -> bytes:
    text = os.fsdecode(path)
    if "://" in text and text.split("://", 1)[0].isalnum():
        raise UsageError(f"{text}: web addresses aren't opened; fetch it, and give its bytes")
    if not text:
        raise UsageError(f"the path of the {modality} is empty")
    if "\0" in text:
        raise UsageError(f"the path of the {modality} has a zero byte in it: {text!r}")
    if not os.path.exists(text):
        raise InputNotFoundError(f"{text}: no such file", text)
    return os.fsencode("./-" if text == "-" else text)  # the library would read standard input


def _sensor(one: Input, rate: float | None) -> _core.SensorOptions:
    sensor = _core.SensorOptions()
    if one.modality == "imu" and rate is not None:
        sensor.imu_rate_hz = float(rate)
    if one.modality == "depth" and _is_float_array(one.source) and not one.sensor.keys() & _SAY_WHAT_DEPTH_IS:
        sensor.set_depth_encoding("m")  # as depth() says
    for name, value in one.sensor.items():
        try:
            _set_sensor(sensor, name, value)
        except (TypeError, ValueError) as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"{one.modality}: {name} can't be {value!r}") from None
    return sensor


_SAY_WHAT_DEPTH_IS = {"depth_encoding", "depth_metres_per_unit"}


def _is_float_array(source: object) -> bool:
    return isinstance(source, np.ndarray) and source.dtype.kind == "f"


def _set_sensor(sensor: _core.SensorOptions, name: str, value: Any) -> None:
    if name == "audio_channel":
        sensor.set_audio_channel(str(value))
    elif name == "video_frames":
        sensor.set_video_frames(str(value))
    elif name == "thermal_range":
        coldest, warmest = value
        sensor.thermal_coldest, sensor.thermal_warmest = float(coldest), float(warmest)
    elif name == "depth_camera" and isinstance(value, str):
        sensor.set_depth_camera(value)
    elif name == "depth_camera":
        focal_length, baseline = value
        sensor.set_depth_optics(float(focal_length), float(baseline))
    elif name == "acceleration_unit":
        sensor.set_acceleration_unit(value)
    elif name == "rotation_unit":
        sensor.set_rotation_unit(value)
    elif name == "imu_gravity":
        sensor.set_imu_gravity(value)
    elif name == "imu_columns":
        sensor.imu_columns = value
    elif name == "depth_encoding":
        sensor.set_depth_encoding(value)
    elif name == "depth_metres_per_unit":
        sensor.depth_metres_per_unit = float(value)
    else:
        raise UsageError(f"nothing is known of '{name}'")


def _content(source: Any, one: Input, rate: float | None) -> tuple[bytes, str]:
    """The bytes of a file, and a name for it."""
    name = one.name or one.modality
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), name
    if _is_picture(source):
        return _picture_content(source, one.modality, one.name or getattr(source, "filename", "") or name), name
    if hasattr(source, "read"):
        content = source.read()
        if not isinstance(content, bytes):
            raise UsageError(f"{name}: the file must be opened for bytes: open(path, 'rb')")
        return content, one.name or str(getattr(source, "name", name))
    if not hasattr(source, "__array__") and not isinstance(source, (list, tuple)):
        raise UsageError(f"{name}: takes a path, bytes, an array or a picture, not {_described(source)}")
    return _array_content(np.asarray(source), one.modality, rate, name), name


def _array_content(array: NDArray[Any], modality: Modality, rate: float | None, name: str) -> bytes:
    if modality in _SAMPLED and rate is None:
        raise UsageError(f"{name}: an array has no rate; give {modality}=(array, rate), or "
                         f"{modality}(array, rate=..), in {'frames' if modality == 'video' else 'samples'} a second")
    if modality == "image":
        return picture_bytes(array, name)
    if modality == "audio":
        return sound_bytes(array, rate or 0, name)
    if modality == "video":
        return film_bytes(array, rate or 0, name)
    if modality == "imu":
        return numbers_bytes(array, name)
    if modality == "thermal" and (array.dtype == np.uint8 or array.ndim == 3 and array.shape[2] == 3):
        return picture_bytes(array, name)
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):  # one channel, as torch and OpenCV have it
        array = array[0] if array.shape[0] == 1 else array[:, :, 0]
    return numbers_bytes(array, name)


def _is_picture(source: object) -> bool:
    module = sys.modules.get("PIL.Image")  # whoever has such a picture has loaded it
    return module is not None and isinstance(source, module.Image)


def _picture_content(picture: Image, modality: Modality, name: str) -> bytes:
    if modality not in ("image", "thermal", "depth"):
        raise UsageError(f"{name}: a PIL picture is no {modality}")
    from PIL import ImageOps  # noqa: PLC0415: there, since there is a picture
    picture = ImageOps.exif_transpose(picture)  # as it is shown, which is how files are read, too
    if modality != "image" and picture.mode in ("F", "I"):
        return numbers_bytes(np.asarray(picture), name)
    if picture.mode in ("F", "I"):
        raise InputError(f"{name}: a picture of mode {picture.mode} holds measurements; give it as thermal or depth")
    if not picture.mode.startswith("I;16") and picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    array = np.asarray(picture)
    return picture_bytes(array.astype(np.uint16) if array.dtype.itemsize == 2 else array, name)
