#!/usr/bin/env python3
"""Makes tests/fixtures/images, tests/fixtures/preprocess and tests/fixtures/parity.

The expected values come from Pillow (decoding, resizing) and from torchvision (crop offsets,
tensors), the libraries of the reference implementation. Needs pillow >= 13 (which chose another
order of the two resize passes for tall pictures), numpy, scikit-image, torch and torchvision. The
photos are crops of scikit-image's samples: astronaut (NASA, public domain), coffee and chelsea
(CC0). Everything else is drawn here.

    python tools/reference/make_image_fixtures.py
"""

import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data
from torchvision import transforms

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
IMAGES = FIXTURES / "images"
PREPROCESS = FIXTURES / "preprocess"
PARITY = FIXTURES / "parity"
PARITY_STEP = 1009  # a prime, so that rows, columns and channels are mixed
ORIENTATION_TAG = 274
IMAGEBIND = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
EFFICIENTNET_LITE = ([127 / 255] * 3, [128 / 255] * 3)


def photo(name: str, box: tuple, size: tuple) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).crop(box).resize(size, Image.Resampling.LANCZOS)


def noise(width: int, height: int) -> Image.Image:
    """The test draws the same picture: the high bytes of a linear congruential generator."""
    state, values = 1, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(state >> 24)
    return Image.frombytes("RGB", (width, height), bytes(values))


def encode(image: Image.Image, fmt: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, fmt, **options)
    return stream.getvalue()


def with_alpha(image: Image.Image) -> Image.Image:
    ramp = np.add.outer(np.arange(image.height) * 5, np.arange(image.width) * 3) % 256
    image = image.copy()
    image.putalpha(Image.fromarray(ramp.astype(np.uint8)))
    return image


def as_ycck(cmyk_jpeg: bytes) -> bytes:
    """Declares the four components of a CMYK JPEG as YCCK, with the usual ids 1 to 4."""
    jpeg = bytearray(cmyk_jpeg)
    jpeg[jpeg.index(b"Adobe") + 11] = 2
    frame, scan = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    for i in range(4):
        jpeg[frame + 10 + 3 * i] = jpeg[scan + 5 + 2 * i] = i + 1
    return bytes(jpeg)


def jpegs(face: Image.Image) -> dict:
    files = {}
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2), ("411", "4:1:1")):
        files[f"jpeg_{name}.jpg"] = encode(face, "JPEG", quality=85, subsampling=subsampling)
    for width, height in ((1, 1), (3, 2), (2, 17), (5, 4), (1, 40), (40, 1), (33, 16)):
        small = face.resize((width, height))
        files[f"jpeg_{width}x{height}.jpg"] = encode(small, "JPEG", quality=90)
    files["jpeg_progressive.jpg"] = encode(face, "JPEG", quality=70, progressive=True)
    files["jpeg_low_quality.jpg"] = encode(face, "JPEG", quality=8)
    files["jpeg_grey.jpg"] = encode(face.convert("L"), "JPEG")
    files["jpeg_rgb.jpg"] = encode(face, "JPEG", keep_rgb=True)
    files["jpeg_cmyk.jpg"] = encode(face.convert("CMYK"), "JPEG")
    files["jpeg_ycck.jpg"] = as_ycck(files["jpeg_cmyk.jpg"])
    return files


def lossless(face: Image.Image) -> dict:
    grey16 = Image.fromarray((np.array(face.convert("L")).astype(np.uint16) * 251 + 7))
    modes = {
        "rgb": face,
        "l": face.convert("L"),
        "p": face.convert("P"),
        "rgba": with_alpha(face),
        "la": with_alpha(face.convert("L")),
        "1": face.convert("1"),
        "i16": grey16,
    }
    files = {f"png_{name}.png": encode(image, "PNG") for name, image in modes.items()}
    for bits in (1, 2, 4):
        files[f"png_p{bits}.png"] = encode(face.quantize(2**bits), "PNG", bits=bits)
    files["png_transparent_index.png"] = encode(face.quantize(8), "PNG", transparency=3)
    for name in ("rgb", "l", "p", "rgba", "1"):
        files[f"bmp_{name}.bmp"] = encode(modes[name], "BMP")
    for name in ("rgb", "l", "p", "rgba", "1", "i16"):
        files[f"tiff_{name}.tif"] = encode(modes[name], "TIFF")
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        files[f"tiff_{name.removeprefix('tiff_')}.tif"] = encode(face, "TIFF", compression=name)
    files["gif_p.gif"] = encode(face, "GIF")
    files["gif_transparent.gif"] = encode(face.quantize(8), "GIF", transparency=3)
    return files


def webps_and_animations(face: Image.Image) -> dict:
    files = {
        "webp_lossless.webp": encode(face, "WEBP", lossless=True),
        "webp_lossless_alpha.webp": encode(with_alpha(face), "WEBP", lossless=True, exact=True),
        "webp_lossy.webp": encode(face, "WEBP", quality=70),
        "webp_lossy_alpha.webp": encode(with_alpha(face), "WEBP", quality=70, exact=True),
    }
    for width, height in ((1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (1, 20), (20, 1)):
        small = face.resize((width, height))
        files[f"webp_{width}x{height}.webp"] = encode(small, "WEBP", quality=80)
    frames = {"save_all": True, "append_images": [face.rotate(90), face.rotate(180)]}
    files["webp_animation.webp"] = encode(face, "WEBP", **frames)
    files["gif_animation.gif"] = encode(face, "GIF", **frames)
    files["gif_offset.gif"] = gif_with_offset(encode(face, "GIF"))
    return files


def gif_with_offset(gif: bytes) -> bytes:
    """The same picture at (4, 2) of a canvas that is 7 wider and 5 higher."""
    moved = bytearray(gif)
    descriptor = moved.index(b"\x2c\0\0\0\0")
    moved[descriptor + 1], moved[descriptor + 3] = 4, 2
    moved[6], moved[8] = moved[6] + 7, moved[8] + 5
    return bytes(moved)


def turned(face: Image.Image) -> dict:
    files = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = orientation
        corner = face.crop((0, 0, 19, 12))
        for fmt, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")):
            options = {"lossless": True} if fmt == "WEBP" else {}
            name = f"exif{orientation}_{suffix}.{suffix}"
            files[name] = encode(corner, fmt, exif=exif, **options)
    return files


def reference_rgb(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        # Pillow would clip at 255 here; the tests expect the high byte, as for 16-bit colour.
        image = Image.fromarray((np.array(image).astype(np.uint16) >> 8).astype(np.uint8))
    return image.convert("RGB")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def crop_224(image: Image.Image) -> Image.Image:
    bicubic = transforms.InterpolationMode.BICUBIC
    resize = transforms.Resize(224, interpolation=bicubic)
    return transforms.CenterCrop(224)(resize(image))


def write_images() -> None:
    face = photo("astronaut", (150, 20, 309, 131), (53, 37))
    files = jpegs(face) | lossless(face) | webps_and_animations(face) | turned(face)
    files["photo_coffee.jpg"] = encode(photo("coffee", (0, 0, 600, 400), (180, 120)), "JPEG")
    files["photo_chelsea.jpg"] = encode(photo("chelsea", (20, 0, 420, 300), (100, 75)), "JPEG")
    shutil.rmtree(IMAGES, ignore_errors=True)
    IMAGES.mkdir(parents=True)
    manifest = []
    for name, content in sorted(files.items()):
        (IMAGES / name).write_bytes(content)
        rgb = reference_rgb(content)
        entry = {"file": name, "width": rgb.width, "height": rgb.height}
        entry["rgb_sha256"] = sha256(rgb.tobytes())
        entry["crop_sha256"] = sha256(crop_224(rgb).tobytes())
        if name.startswith("jpeg_4") or name in ("jpeg_cmyk.jpg", "jpeg_ycck.jpg"):
            # Whole pixels for the builds whose JPEG decoder isn't Pillow's.
            entry["pixels"] = name.removesuffix(".jpg") + ".ppm"
            (IMAGES / entry["pixels"]).write_bytes(encode(rgb, "PPM"))
        manifest.append(entry)
    (IMAGES / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def write_preprocess() -> None:
    resizes = []
    for source in ((64, 48), (97, 31), (1, 70), (70, 1), (300, 200), (640, 480), (2, 2)):
        image = noise(*source)
        for target in ((224, 224), (31, 17), (1, 1), (97, 31), (5, 300), (source[0], 40)):
            result = image.resize(target, Image.Resampling.BICUBIC)
            resizes.append({"source": source, "size": target, "sha256": sha256(result.tobytes())})
    crops = []
    sources = [(224, 224), (640, 480), (333, 500), (1, 90), (90, 1), (225, 224), (17, 1000)]
    sources += [(300, 900), (1000, 260)]
    for source in sources:
        crops.append({"source": source, "sha256": sha256(crop_224(noise(*source)).tobytes())})
    centers = []
    for source, size in (((9, 8), 4), ((8, 9), 5), ((11, 7), 4), ((3, 9), 6), ((4, 3), 7)):
        result = transforms.CenterCrop(size)(noise(*source))
        centers.append({"source": source, "size": size, "sha256": sha256(result.tobytes())})
    tensors = []
    for name, (mean, std) in (("imagebind", IMAGEBIND), ("lite", EFFICIENTNET_LITE)):
        steps = [crop_224, transforms.ToTensor(), transforms.Normalize(mean, std)]
        chw = transforms.Compose(steps)(noise(300, 260))
        hwc = chw.permute(1, 2, 0).contiguous()
        tensors.append({
            "stats": name, "source": (300, 260),
            "chw_sha256": sha256(chw.numpy().astype("<f4").tobytes()),
            "hwc_sha256": sha256(hwc.numpy().astype("<f4").tobytes()),
        })
    PREPROCESS.mkdir(parents=True, exist_ok=True)
    content = {"resize": resizes, "crop_224": crops, "center_crop": centers, "tensor": tensors}
    (PREPROCESS / "manifest.json").write_text(json.dumps(content, indent=1) + "\n")


def drawing(width: int, height: int) -> Image.Image:
    """Slopes, edges and a fine grid, which compress well."""
    y, x = np.mgrid[0:height, 0:width]
    red = (x * 7 + y * 3) // 4 % 256
    green = np.where((x // 5 + y // 9) % 2 == 0, 200, 40)
    blue = np.where((x - width / 2) ** 2 * height < (y - height / 2) ** 2 * width, 255, y % 256)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def parity_files() -> dict:
    """Pictures of many shapes, modes and formats."""
    files = {}

    def add(width: int, height: int, mode: str, suffix: str = "png", **options) -> None:
        image = drawing(width, height)
        if mode == "I;16":
            image = Image.fromarray(np.array(image.convert("L")).astype(np.uint16) * 257)
        elif mode in ("LA", "RGBA"):
            image = with_alpha(image.convert(mode.removesuffix("A")))
        elif mode == "P":
            image = image.quantize(32)
        elif mode != "RGB":
            image = image.convert(mode)
        name = f"{mode.replace(';', '').lower()}_{width}x{height}.{suffix}"
        fmt = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
        files[name] = encode(image, fmt, **options)

    for width, height in ((1, 500), (500, 1), (3, 1000), (1000, 3), (17, 2000), (2000, 17), (1, 1),
                          (2, 3), (223, 225), (225, 223), (224, 224), (449, 448), (101, 333)):
        add(width, height, "RGB")
    for width, height in ((1, 300), (97, 31), (31, 97), (251, 257)):
        add(width, height, "L")
    for mode in ("LA", "P", "RGBA", "1", "I;16"):
        add(33, 121, mode)
        add(230, 41, mode)
    for mode in ("L", "RGB", "CMYK"):
        add(19, 211, mode, "jpg", quality=90)
        add(301, 127, mode, "jpg", quality=75)
    for mode in ("RGB", "L", "RGBA"):
        add(45, 160, mode, "bmp")
    for mode in ("RGB", "L", "1", "P", "RGBA"):
        add(160, 45, mode, "tif", compression="tiff_lzw")
    add(77, 190, "RGB", "webp", quality=80)
    add(190, 77, "RGBA", "webp", lossless=True, exact=True)
    add(120, 250, "P", "gif")
    return files


def write_parity() -> None:
    mean, std = IMAGEBIND
    shutil.rmtree(PARITY, ignore_errors=True)
    PARITY.mkdir(parents=True)
    manifest = []
    for name, content in sorted(parity_files().items()):
        (PARITY / name).write_bytes(content)
        steps = [crop_224, transforms.ToTensor(), transforms.Normalize(mean, std)]
        tensor = transforms.Compose(steps)(reference_rgb(content)).reshape(-1)
        values = [round(float(value), 6) for value in tensor[::PARITY_STEP]]
        manifest.append({"file": name, "values": values})
    content = {"every": PARITY_STEP, "pictures": manifest}
    (PARITY / "manifest.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    write_images()
    write_preprocess()
    write_parity()
