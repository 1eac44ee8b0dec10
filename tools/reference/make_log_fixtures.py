#!/usr/bin/env python3
"""Makes tests/fixtures/logs: the log of one small robot, as MCAP and ROS 1 bag writers save it.

The messages are serialised by rosbags, the files written by mcap and rosbags. What is in them is
told in `messages`; tests/robot_logs_test.cpp has the same formulas. Needs mcap 1.6, rosbags 0.11,
numpy and pillow.

    python tools/reference/make_log_fixtures.py
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType, IndexType, Writer as McapWriter
from PIL import Image
from rosbags.rosbag1 import Writer as BagWriter
from rosbags.typesys import Stores, get_typestore

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "logs"
START = 1_700_000_000_000_000_000  # ns
DELAY = 3_000_000                  # ns between a measurement and its recording
HEIGHT, WIDTH = 6, 8
ROS1 = get_typestore(Stores.ROS1_NOETIC)
ROS2 = get_typestore(Stores.ROS2_HUMBLE)


@dataclass
class Entry:
    topic: str
    kind: str      # of the message
    stamp: int     # ns
    fields: dict   # without the header


def picture(values: np.ndarray, encoding: str, big_endian: bool = False, padding: int = 0) -> dict:
    """`padding`: bytes behind each row."""
    rows = values.reshape(len(values), -1)
    if big_endian:
        rows = rows.astype(rows.dtype.newbyteorder(">"))
    data = b"".join(row.tobytes() + bytes(padding) for row in rows)
    return {"height": values.shape[0], "width": values.shape[1], "encoding": encoding,
            "is_bigendian": int(big_endian), "step": len(data) // len(values),
            "data": np.frombuffer(data, np.uint8)}


def png(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def compressed(data: bytes, name: str) -> dict:
    return {"format": name, "data": np.frombuffer(data, np.uint8)}


def rvl(values: np.ndarray) -> bytes:
    """Wilson 2017: runs of zeros and of differences, in groups of three bits."""
    nibbles = []

    def put(number: int):
        while True:
            nibbles.append((number & 7) | (8 if number > 7 else 0))
            number >>= 3
            if not number:
                return

    pixels = values.reshape(-1).astype(int).tolist()
    at = previous = 0
    while at < len(pixels):
        end = at
        while end < len(pixels) and pixels[end] == 0:
            end += 1
        put(end - at)
        at = end
        while end < len(pixels) and pixels[end] != 0:
            end += 1
        put(end - at)
        for value in pixels[at:end]:
            delta = value - previous
            put(2 * delta if delta >= 0 else -2 * delta - 1)
            previous = value
        at = end
    nibbles += [0] * (-len(nibbles) % 8)
    words = [sum(n << 28 - 4 * i for i, n in enumerate(nibbles[k:k + 8]))
             for k in range(0, len(nibbles), 8)]
    return struct.pack(f"<2I{len(words)}I", values.shape[1], values.shape[0], *words)


def depth(k: int) -> np.ndarray:
    """Millimetres of the k-th map; a hole in its corner."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    values = (1000 + 100 * k + 10 * y + x).astype(np.uint16)
    values[0, 0] = 0
    return values


def colours(k: int) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([10 * x + k, 20 * y, 200 - x - y], axis=-1).astype(np.uint8)


def imu(i: int) -> dict:
    def vector(x, y, z):
        return ("Vector3", {"x": x, "y": y, "z": z})
    return {"orientation": ("Quaternion", {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}),
            "orientation_covariance": np.zeros(9),
            "angular_velocity": vector(0.001 * i, -0.002 * i, 0.25),
            "angular_velocity_covariance": np.zeros(9),
            "linear_acceleration": vector(0.01 * i, -0.02 * i, 9.75),
            "linear_acceleration_covariance": np.zeros(9)}


def messages() -> list[Entry]:
    """Ten pictures a second for 0.8 s, and motion at 100 Hz for 1.5 s."""
    entries = []
    for k in range(8):
        stamp = START + k * 100_000_000
        metres = depth(k) / np.float32(1000)
        metres[depth(k) == 0] = np.nan
        head = struct.pack("<iff", 0, 0, 0)
        # compressed_depth_image_transport's steps of inverse depth, for at most 10 m
        a = np.float32(100 * 101)
        b = np.float32(1 - a / 10)
        steps = np.where(np.isnan(metres), 0, np.round(a / metres + b)).astype(np.uint16)
        entries += [
            Entry("/camera/depth", "Image", stamp, picture(depth(k), "16UC1", k % 2 == 1, padding=4)),
            Entry("/camera/metres", "Image", stamp, picture(metres.astype(np.float32), "32FC1")),
            Entry("/camera/color", "Image", stamp, picture(colours(k), "rgb8")),
            Entry("/thermal", "Image", stamp, picture(depth(k) * 7, "mono16")),
            Entry("/camera/color/compressed", "CompressedImage", stamp,
                  compressed(png(colours(k)), "rgb8; png compressed bgr8")),
            Entry("/camera/depth/compressedDepth", "CompressedImage", stamp,
                  compressed(head + png(depth(k)), "16UC1; compressedDepth png")),
            Entry("/camera/depth/rvl", "CompressedImage", stamp,
                  compressed(head + rvl(depth(k)), "16UC1; compressedDepth rvl")),
            Entry("/camera/metres/compressedDepth", "CompressedImage", stamp,
                  compressed(struct.pack("<iff", 0, a, b) + png(steps),
                             "32FC1; compressedDepth png")),
        ]
    entries += [Entry("/imu", "Imu", START + i * 10_000_000, imu(i)) for i in range(150)]
    return sorted(entries, key=lambda entry: entry.stamp)


def build(store, kind: str, fields: dict):
    """A message of the store; ("Kind", fields) inside makes another one."""
    package = "sensor_msgs" if kind in ("Imu", "Image", "CompressedImage") else "geometry_msgs"
    values = {name: build(store, *value) if isinstance(value, tuple) else value
              for name, value in fields.items()}
    return store.types[f"{package}/msg/{kind}"](**values)


def message(store, entry: Entry):
    time = store.types["builtin_interfaces/msg/Time"](sec=entry.stamp // 10**9,
                                                      nanosec=entry.stamp % 10**9)
    header = {"stamp": time, "frame_id": "robot"}
    if store is ROS1:
        header["seq"] = 5
    return build(store, entry.kind,
                 {"header": store.types["std_msgs/msg/Header"](**header), **entry.fields})


def ros1_bytes(entry: Entry) -> bytes:
    return bytes(ROS1.serialize_ros1(message(ROS1, entry), f"sensor_msgs/msg/{entry.kind}"))


def cdr_bytes(entry: Entry, little_endian: bool = True) -> bytes:
    return bytes(ROS2.serialize_cdr(message(ROS2, entry), f"sensor_msgs/msg/{entry.kind}",
                                    little_endian=little_endian))


def write_mcap(name: str, entries: list[Entry], ros1: bool = False, big_endian: bool = False,
               **options):
    with (FIXTURES / name).open("wb") as out:
        writer = McapWriter(out, **options)
        writer.start("ros1" if ros1 else "ros2", library="make_log_fixtures")
        channels = {}
        for entry in entries:
            if entry.topic not in channels:
                middle = "" if ros1 else "msg/"
                schema = writer.register_schema(f"sensor_msgs/{middle}{entry.kind}",
                                                "ros1msg" if ros1 else "ros2msg", b"")
                channels[entry.topic] = writer.register_channel(entry.topic,
                                                                "ros1" if ros1 else "cdr", schema)
            data = ros1_bytes(entry) if ros1 else cdr_bytes(entry, not big_endian)
            writer.add_message(channels[entry.topic], entry.stamp + DELAY, data, entry.stamp)
        writer.finish()


def write_bag(name: str, entries: list[Entry], compression=None):
    path = FIXTURES / name
    path.unlink(missing_ok=True)
    writer = BagWriter(path)
    writer.chunk_threshold = 4096  # several chunks
    if compression:
        writer.set_compression(compression)
    with writer:
        connections = {}
        for entry in entries:
            if entry.topic not in connections:
                connections[entry.topic] = writer.add_connection(
                    entry.topic, f"sensor_msgs/msg/{entry.kind}", typestore=ROS1)
            writer.write(connections[entry.topic], entry.stamp + DELAY, ros1_bytes(entry))


def without_index(name: str, of: str):
    """A bag whose recorder was killed: its header says so, and its last chunk is cut."""
    data = bytearray((FIXTURES / of).read_bytes())
    at = data.index(b"index_pos=") + len("index_pos=")
    index_at, = struct.unpack_from("<Q", data, at)
    struct.pack_into("<Q", data, at, 0)
    (FIXTURES / name).write_bytes(data[:index_at - 200])


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    everything = messages()
    small = [entry for entry in everything if entry.topic in ("/imu", "/camera/depth")]
    write_mcap("ros2_zstd.mcap", everything, chunk_size=8192, compression=CompressionType.ZSTD)
    write_mcap("ros2_lz4.mcap", small, chunk_size=4096, compression=CompressionType.LZ4)
    write_mcap("ros2_none.mcap", small, chunk_size=4096, compression=CompressionType.NONE,
               big_endian=True)
    write_mcap("ros2_unchunked.mcap", small, use_chunking=False)
    write_mcap("ros2_no_index.mcap", small, chunk_size=4096, index_types=IndexType.NONE,
               use_statistics=False, repeat_channels=False, repeat_schemas=False,
               use_summary_offsets=False)
    whole = (FIXTURES / "ros2_lz4.mcap").read_bytes()
    (FIXTURES / "ros2_cut.mcap").write_bytes(whole[:len(whole) * 2 // 3])
    write_mcap("ros1.mcap", small, ros1=True, chunk_size=4096)
    write_bag("ros1_none.bag", everything)
    write_bag("ros1_bz2.bag", small, BagWriter.CompressionFormat.BZ2)
    write_bag("ros1_lz4.bag", small, BagWriter.CompressionFormat.LZ4)
    without_index("ros1_no_index.bag", "ros1_lz4.bag")


if __name__ == "__main__":
    main()
