#!/usr/bin/env python3
"""Makes tests/fixtures/sensors/depth_*: depth maps as cameras, data sets, renderers, estimators and ROS write them.

Each file is written by the program that users would take (OpenCV, OpenEXR, NumPy, Pillow, pillow_heif), from one room
whose metres are known. What they can't write is written here by the format's own words: PFM with the high byte first, the
boxes around an iPhone's depth map, RVL. depth_files.json has for each file the options, and what is right: metres, or the
words of the error. Needs opencv-python-headless 5, OpenEXR 3.5, pillow_heif 1.8, pillow >= 13, numpy.

    python tools/reference/make_depth_fixtures.py
"""

import io
import json
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
from make_heif_fixtures import Item, coded_picture, encode, full_box, heif, irot, ispe
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "sensors"
WIDTH, HEIGHT = 72, 64  # x265 pads smaller pictures
CAMERA = {"focal_length": 500.0, "baseline": 0.1}  # pixels, metres
EVERY = 37  # of the expected values, a prime
RELATIVE_NEAREST, RELATIVE_FARTHEST = 1, 10  # metres, docs/modalities.md


def room() -> np.ndarray:
    """Metres: a wall at an angle with a ball before it; the left border isn't measured."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    metres = 2.0 + 2.5 * x / WIDTH + 0.3 * y / HEIGHT
    radius = np.hypot(x - 30, y - 20) / 12
    metres = np.where(radius < 1, 1.4 - 0.3 * np.sqrt(np.maximum(1 - radius**2, 0)), metres)
    metres[:, :4] = np.nan
    return metres


def millimetres(metres: np.ndarray, hole: int = 0) -> np.ndarray:
    return np.where(np.isnan(metres), hole, np.round(np.nan_to_num(metres) * 1000)).astype(np.uint16)


def counts(metres: np.ndarray, per_metre: float) -> np.ndarray:
    return np.round(np.nan_to_num(metres) * per_metre).astype(np.uint16)


class Fixtures:
    def __init__(self):
        self.cases = []

    def add(self, name: str, content: bytes, metres: np.ndarray | None = None, error: str = "", warning: str = "",
            tolerance: float = 1e-4, path: str = "", **options) -> None:
        """`path`: what the file is called in its data set; `warning`: words of it, "" for none."""
        (FOLDER / name).write_bytes(content)
        case = {"file": name, "options": options}
        if path:
            case["path"] = path
        if metres is None:
            case["error"] = error
        else:
            values = metres.reshape(-1)[::EVERY]
            case |= {"height": metres.shape[0], "width": metres.shape[1], "every": EVERY, "tolerance": tolerance,
                     "metres": [None if np.isnan(one) else "far" if np.isinf(one) else round(float(one), 6)
                                for one in values],
                     "warning": warning}
        self.cases.append(case)


def written(name: str, write) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(str(path))
        return path.read_bytes()


def by_opencv(suffix: str, values: np.ndarray) -> bytes:
    return written("it" + suffix, lambda path: cv2.imwrite(path, values))


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def png16(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def pfm(values: np.ndarray, order: str, scale: str, kind: str = "Pf") -> bytes:
    header = f"{kind}\n{values.shape[1]} {values.shape[0]}\n{scale}\n".encode()
    return header + values[::-1].astype(order + "f4").tobytes()


# --- Encodings -----------------------------------------------------------------------------------


def add_encodings(fixtures: Fixtures, metres: np.ndarray) -> None:
    mm = millimetres(metres)
    from_mm = np.where(mm == 0, np.nan, mm / 1000)
    fixtures.add("depth_enc_plain.png", png16(mm), from_mm, warning="millimetres (whole numbers without a unit)")
    fixtures.add("depth_enc_end.png", png16(millimetres(metres, 65535)), from_mm, warning="millimetres")
    fixtures.add("depth_enc_end.png", png16(millimetres(metres, 65535)), from_mm, encoding="7scenes")
    fixtures.add("depth_enc_end.png", png16(millimetres(metres, 65535)), from_mm, path="seq/depth_mm.png")
    tum = counts(metres, 5000)
    from_tum = np.where(tum == 0, np.nan, tum / 5000)
    fixtures.add("depth_enc_tum.png", png16(tum), from_tum, encoding="tum")
    fixtures.add("depth_enc_tum.png", png16(tum), from_tum, metres_per_unit=0.0002)
    fixtures.add("depth_enc_tum.png", png16(tum), from_tum, path="rgbd_dataset_freiburg1_xyz/depth/1.png",
                 warning="TUM RGB-D's 1/5000 m (by its name)")
    kitti = counts(metres, 256)
    from_kitti = np.where(kitti == 0, np.nan, kitti / 256)
    fixtures.add("depth_enc_kitti.png", png16(kitti), from_kitti, encoding="kitti")
    fixtures.add("depth_enc_kitti.png", png16(kitti), from_kitti, path="kitti/val/image_02/5.png", warning="KITTI")
    far = metres.copy()
    far[:20] = np.inf
    centimetres = np.where(np.isinf(far), 65535, counts(np.where(np.isinf(far), 0, far), 100))
    from_centimetres = np.where(np.isinf(far), np.inf, np.where(centimetres == 0, np.nan, centimetres / 100))
    fixtures.add("depth_enc_vkitti.png", png16(centimetres), from_centimetres, encoding="vkitti")
    deep = metres * 2.2  # beyond 8.19 m, where the rotated bits wrap
    sun_mm = millimetres(deep).astype(np.uint32)
    rotated = (sun_mm << 3 | sun_mm >> 13) & 0xFFFF
    from_sun = np.where(sun_mm == 0, np.nan, sun_mm / 1000)
    fixtures.add("depth_enc_sunrgbd.png", png16(rotated), from_sun, encoding="sunrgbd")
    fixtures.add("depth_enc_sunrgbd.png", png16(rotated), from_sun, warning="SUN RGB-D's rotated millimetres (by its n")
    fixtures.add("depth_enc_l515.png", png16(counts(metres, 4000)),
                 np.where(np.isnan(metres), np.nan, counts(metres, 4000) / 4000), encoding="l515")
    fixtures.add("depth_enc_replica.png", png16(counts(metres, 6553.5)),
                 np.where(np.isnan(metres), np.nan, counts(metres, 6553.5) / 6553.5), encoding="replica")


def add_disparities(fixtures: Fixtures, metres: np.ndarray) -> None:
    fb = CAMERA["focal_length"] * CAMERA["baseline"]
    disparity = np.nan_to_num(fb / metres).astype(np.float32)
    fixtures.add("depth_disparity.npy", npy(disparity), metres, encoding="disparity", **CAMERA)
    fixtures.add("depth_disparity.npy", npy(disparity), metres, warning="disparity in pixels (by its name)", **CAMERA)
    fixtures.add("depth_disparity.npy", npy(disparity), error="--depth-camera")
    by_256 = np.round(disparity * 256).astype(np.uint16)
    from_256 = np.where(by_256 == 0, np.nan, fb * 256 / np.maximum(by_256, 1))
    kitti = png16(by_256)
    fixtures.add("depth_kitti_disparity.png", kitti, from_256, encoding="kitti-disparity", **CAMERA)
    fixtures.add("depth_kitti_disparity.png", kitti, from_256, encoding="disparity", metres_per_unit=1 / 256, **CAMERA)
    fixtures.add("depth_kitti_disparity.png", kitti, error="a usual disparity", encoding="disparity", **CAMERA)
    fixtures.add("depth_kitti_disparity.png", kitti, path="disp_occ_0/5_10.png", error="any part of a pixel", **CAMERA)
    inverse = np.nan_to_num(1 / metres).astype(np.float16)
    fixtures.add("depth_inverse.npy", npy(inverse), 1 / np.where(inverse == 0, np.nan, inverse.astype(float)),
                 encoding="inverse")
    fixtures.add("depth_inverse.npy", npy(inverse), 1 / np.where(inverse == 0, np.nan, inverse.astype(float)),
                 path="frames/inv_depth.npy", warning="1/m (by its name)")
    near = np.nan_to_num(1 / metres, nan=0.2)
    levels = np.round(255 * (near - near.min()) / (near.max() - near.min())).astype(np.uint8)
    share = levels / 255
    relative = 1 / (1 / RELATIVE_FARTHEST + share * (1 / RELATIVE_NEAREST - 1 / RELATIVE_FARTHEST))
    grey = by_opencv(".png", levels)
    fixtures.add("depth_estimate.png", grey, relative, encoding="relative-inverse", warning="has no unit")
    fixtures.add("depth_estimate.png", grey, error="8 bits")
    fixtures.add("depth_estimate.png", grey, error="8 bits can't have the encoding tum", encoding="tum")
    fixtures.add("depth_levels.png", png16(levels.astype(np.uint16) * 257), error="levels of an 8-bit picture")
    fixtures.add("depth_levels.npy", npy(levels), error="levels of an 8-bit picture")
    fixtures.add("depth_levels.npy", npy(levels), relative, encoding="relative-inverse", warning="has no unit")
    colours = by_opencv(".png", cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO))
    fixtures.add("depth_estimate_colours.png", colours, error="a picture in colours", encoding="relative-inverse")
    fixtures.add("depth_negative.npy", npy(-metres.astype(np.float32)), error="negative")


# --- Files ---------------------------------------------------------------------------------------


def add_arrays(fixtures: Fixtures, metres: np.ndarray) -> None:
    single = metres.astype(np.float32)
    bare = np.nan_to_num(single)
    fixtures.add("depth_pfm.pfm", by_opencv(".pfm", bare), single, warning="metres (floats without a unit)")
    fixtures.add("depth_pfm.pfm", by_opencv(".pfm", bare), single, encoding="m")
    fixtures.add("depth_pfm_big.pfm", pfm(bare, ">", "1.0"), single, encoding="m")
    fb = CAMERA["focal_length"] * CAMERA["baseline"]
    holes = np.where(np.isnan(metres), np.inf, fb / metres)
    fixtures.add("depth_pfm_middlebury.pfm", pfm(holes, "<", "-0.003922"), metres, encoding="disparity", **CAMERA)
    fixtures.add("depth_pfm_colours.pfm", by_opencv(".pfm", np.dstack([bare] * 3)), error="holds colours")
    mm = millimetres(metres)
    from_mm = np.where(mm == 0, np.nan, mm / 1000)
    fixtures.add("depth_pgm.pgm", by_opencv(".pgm", mm), from_mm, encoding="mm")
    with np.errstate(invalid="ignore"):
        kinect = np.where(np.isnan(metres), 2047, np.round(1092.5 - 351.3 / metres)).astype(np.uint16)
        from_kinect = np.where(kinect == 2047, np.nan, 351.3 / (1092.5 - kinect))
    fixtures.add("depth_nyu.pgm", by_opencv(".pgm", kinect.byteswap()), from_kinect, encoding="nyu-raw")
    fixtures.add("depth_nyu.pgm", by_opencv(".pgm", kinect.byteswap()), from_kinect,
                 warning="NYU's raw Kinect numbers (by its numbers)")
    fixtures.add("depth_npz.npz", npz(depth=single, focallength_px=np.float32(525)), single)
    fixtures.add("depth_npz_one.npz", npz(disparity=(fb / single)), metres, warning='by the name "disparity" in it',
                 **CAMERA)
    fixtures.add("depth_npz_two.npz", npz(left=single, right=single), error="2 arrays (left, right)")
    fixtures.add("depth_npz_none.npz", npz(scale=np.float32(2)), error="no array of two dimensions")
    fixtures.add("depth_singleton.npy", npy(single[None, None]), single, encoding="m")
    fixtures.add("depth_trailing.npy", npy(single[None, :, :, None]), single, encoding="m")
    fixtures.add("depth_stack.npy", npy(np.stack([single[:12, :8]] * 3)), error="stack of 3 maps")


def exr(channels: dict, compression=OpenEXR.ZIP_COMPRESSION, **header) -> bytes:
    header = {"compression": compression, "type": OpenEXR.scanlineimage} | header
    return written("it.exr", lambda path: OpenEXR.File(header, channels).write(path))


def add_exr(fixtures: Fixtures, metres: np.ndarray) -> None:
    single = np.nan_to_num(metres).astype(np.float32)
    grey = np.linspace(0, 1, single.size, dtype=np.float16).reshape(single.shape)
    rgba = {name: grey for name in "RGBA"}
    fixtures.add("depth_exr_rgbz.exr", exr(rgba | {"Z": single}, OpenEXR.PIZ_COMPRESSION), metres)
    layers = {f"ViewLayer.Combined.{name}": grey for name in "RGBA"}
    layers |= {f"ViewLayer.Normal.{name}": single for name in "XYZ"}
    fixtures.add("depth_exr_layers.exr", exr(layers | {"ViewLayer.Depth.Z": single, "ViewLayer.Mist.Z": 1 - single}),
                 metres)
    fixtures.add("depth_exr_normals.exr", exr({f"Normal.{name}": single for name in "XYZ"}),
                 error="3 channels (Normal.X, Normal.Y, Normal.Z), and none")
    fixtures.add("depth_exr_two.exr", exr({"left.Z": single, "right.Z": single}), error="more than one")
    for name, compression in (("dwaa", OpenEXR.DWAA_COMPRESSION), ("dwab", OpenEXR.DWAB_COMPRESSION)):
        fixtures.add(f"depth_exr_{name}.exr", exr({"Z": single}, compression), error=name.upper())
    tiles = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    tiles["tiles"].xSize, tiles["tiles"].ySize = 32, 16
    fixtures.add("depth_exr_tiles.exr", exr({"Z": single}, **tiles), metres)
    fixtures.add("depth_exr_tiles_rgbz.exr", exr(rgba | {"Z": single}, OpenEXR.PIZ_COMPRESSION, **tiles), metres)
    window = (np.array([10, 7], np.int32), np.array([9 + WIDTH, 6 + HEIGHT], np.int32))
    canvas = (np.array([0, 0], np.int32), np.array([199, 149], np.int32))
    fixtures.add("depth_exr_window.exr", exr({"Z": single}, dataWindow=window, displayWindow=canvas), metres)


# --- HEIC ----------------------------------------------------------------------------------------

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/">
<apdi:FloatMaxValue>{high}</apdi:FloatMaxValue><apdi:FloatMinValue>{low}</apdi:FloatMinValue>
<apdi:AuxiliaryImageType>{kind}</apdi:AuxiliaryImageType></rdf:Description></rdf:RDF></x:xmpmeta>"""


def heic(levels: np.ndarray, xmp: str, turned: int = 0) -> bytes:
    """An iPhone's portrait: a picture, its depth map (auxiliary, item 2), and the map's XMP (item 3)."""
    picture = coded_picture(encode(Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 60)), "heic", quality=50))
    depth = coded_picture(encode(Image.fromarray(levels), "heic", quality=-1))
    turn = [irot(turned)] if turned else []
    kind = full_box("auxC", 0, 0, b"urn:mpeg:hevc:2015:auxid:2\0")
    items = [Item("hvc1", picture[0], [picture[1], ispe(WIDTH, HEIGHT), *picture[2], *turn]),
             Item("hvc1", depth[0], [depth[1], ispe(WIDTH, HEIGHT), kind, *depth[2], *turn], [("auxl", [1])])]
    if xmp:
        items.append(Item("mime", xmp.encode(), [], [("cdsc", [2])], content_type="application/rdf+xml"))
    return heif(items)


def add_heic(fixtures: Fixtures, metres: np.ndarray) -> None:
    inverse = 1 / np.nan_to_num(metres, nan=4)
    low, high = 0.2, 1.1
    levels = np.round(255 * (inverse - low) / (high - low)).astype(np.uint8)
    from_levels = 1 / (low + levels / 255 * (high - low))
    disparity = XMP.format(low=low, high=high, kind="disparity")
    fixtures.add("depth_portrait.heic", heic(levels, disparity), from_levels)
    fixtures.add("depth_portrait_turned.heic", heic(levels, disparity, 1), np.rot90(from_levels))
    far = np.nan_to_num(metres, nan=4)
    steps = np.round(255 * (far - 1) / 4).astype(np.uint8)
    fixtures.add("depth_portrait_metres.heic", heic(steps, XMP.format(low=1, high=5, kind="depth")), 1 + steps / 255 * 4)
    fixtures.add("depth_portrait_bare.heic", heic(levels, ""), error="no range of its values")
    fixtures.add("depth_portrait_none.heic", encode(Image.new("RGB", (WIDTH, HEIGHT)), "heic", quality=50),
                 error="without a depth map")


# --- compressedDepth -----------------------------------------------------------------------------


def rvl(values: np.ndarray) -> bytes:
    """A. Wilson, Fast Lossless Depth Image Compression, ISS 2017."""
    nibbles: list = []

    def put(number: int) -> None:
        while True:
            nibble, number = number & 7, number >> 3
            nibbles.append(nibble | (8 if number else 0))
            if not number:
                return

    numbers, at, previous = [int(one) for one in values.reshape(-1)], 0, 0
    while at < len(numbers):
        begin = at
        while at < len(numbers) and numbers[at] == 0:
            at += 1
        put(at - begin)
        end = at
        while end < len(numbers) and numbers[end] != 0:
            end += 1
        put(end - at)
        for number in numbers[at:end]:
            delta, previous = number - previous, number
            put((delta << 1) ^ (delta >> 31))
        at = end
    nibbles += [0] * (-len(nibbles) % 8)
    words = [sum(nibble << 4 * (7 - i) for i, nibble in enumerate(nibbles[at:at + 8])) for at in range(0, len(nibbles), 8)]
    return struct.pack(f"<{len(words)}I", *words)


def add_compressed(fixtures: Fixtures, metres: np.ndarray) -> None:
    mm = millimetres(metres)
    from_mm = np.where(mm == 0, np.nan, mm / 1000)
    none = struct.pack("<iff", 0, 0, 0)
    size = struct.pack("<II", WIDTH, HEIGHT)
    # compressed_depth_image_transport: depth_quantization 100, depth_max 10
    a = 100.0 * 101.0
    b = 1 - a / 10
    steps = np.where(np.isnan(metres), 0, a / np.nan_to_num(metres, nan=1) + b).astype(np.uint16)
    with np.errstate(divide="ignore"):
        from_steps = np.where(steps == 0, np.nan, a / (steps - b))
    quantised = struct.pack("<iff", 0, a, b)
    fixtures.add("depth_ros.bin", none + by_opencv(".png", mm), from_mm, format="16UC1; compressedDepth png", encoding="mm")
    fixtures.add("depth_ros.bin", none + by_opencv(".png", mm), from_mm, warning="millimetres")
    fixtures.add("depth_ros_float.bin", quantised + by_opencv(".png", steps), from_steps,
                 format="32FC1; compressedDepth png")
    fixtures.add("depth_ros_rvl.bin", none + size + rvl(mm), from_mm, format="16UC1; compressedDepth rvl", encoding="mm")
    fixtures.add("depth_ros_float_rvl.bin", quantised + size + rvl(steps), from_steps,
                 format="32FC1; compressedDepth rvl")


def main() -> None:
    fixtures = Fixtures()
    metres = room()
    for add in (add_encodings, add_disparities, add_arrays, add_exr, add_heic, add_compressed):
        add(fixtures, metres)
    (FOLDER / "depth_files.json").write_text(json.dumps(fixtures.cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
