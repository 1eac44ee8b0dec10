#!/usr/bin/env python3
"""Makes tests/fixtures/heif: HEIC and AVIF pictures as phones write them, and what they show.

A drawn picture is encoded by pillow_heif (x265) and Pillow (libavif); the files around the coded
pictures are written here, so that they hold what an encoder's interface doesn't offer: grids of
tiles, irot and imir, a clean aperture, a thumbnail, a motion photo's film, and damaged headers.
NAME.png has the pixels that pillow_heif (HEIC) or Pillow (AVIF) read from NAME.heic or NAME.avif.
Needs pillow >= 13, pillow_heif >= 1.8, numpy.

    python tools/reference/make_heif_fixtures.py
"""

import io
import json
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "heif"
SIZE = (72, 64)  # x265 pads smaller pictures, and crops them by a clean aperture
TILE = 64
ORIENTATION_TAG = 274

pillow_heif.register_heif_opener()


def drawing(width: int, height: int) -> Image.Image:
    """Slopes and soft edges: no two of its eight orientations look alike."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    red = 255 * x
    green = 128 + 120 * np.sin(9 * x + 5 * y)
    blue = np.where((x - 0.3) ** 2 + (y - 0.2) ** 2 < 0.02, 250, 60 + 150 * y)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def encode(image: Image.Image, suffix: str, **options) -> bytes:
    """AVIF without subsampling unless asked for: its two readers differ in how they undo it."""
    stream = io.BytesIO()
    if suffix == "avif":
        options = {"subsampling": "4:4:4"} | options
    image.save(stream, {"heic": "HEIF", "avif": "AVIF"}[suffix], **options)
    return stream.getvalue()


# --- Boxes (ISO/IEC 14496-12, 23008-12) ---------------------------------------------------------


def box(kind: str, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind.encode()) + content


def full_box(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def boxes(content: bytes) -> list:
    found, at = [], 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        found.append((kind.decode(), content[at + 8:at + size], content[at:at + size]))
        at += size
    return found


def child(content: bytes, kind: str) -> bytes:
    return next(inner for name, inner, _ in boxes(content) if name == kind)


def coded_picture(file: bytes) -> tuple:
    """Data, decoder configuration and colours of the one picture of an encoder's file."""
    meta = child(file, "meta")[4:]
    properties = boxes(child(child(meta, "iprp"), "ipco"))
    configuration = next(whole for name, _, whole in properties if name in ("hvcC", "av1C"))
    colours = [whole for name, _, whole in properties if name in ("colr", "pixi")]
    return child(file, "mdat"), configuration, colours


@dataclass
class Item:
    kind: str  # hvc1, av01, grid, Exif, mime
    data: bytes
    properties: list = field(default_factory=list)
    references: list = field(default_factory=list)  # (kind, item numbers)
    hidden: bool = False
    content_type: str = ""  # of a mime item


def ispe(width: int, height: int) -> bytes:
    return full_box("ispe", 0, 0, struct.pack(">II", width, height))


def irot(quarter_turns_left: int) -> bytes:
    return box("irot", bytes([quarter_turns_left]))


def imir(axis: int) -> bytes:
    return box("imir", bytes([axis]))


def clap(width: int, height: int) -> bytes:
    return box("clap", struct.pack(">8I", width, 1, height, 1, 0, 1, 0, 1))


def grid_data(rows: int, columns: int, width: int, height: int) -> bytes:
    return struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


def heif(items: list, primary: int = 1, brand: str = "heic", behind: bytes = b"") -> bytes:
    """Items have the numbers 1, 2, ..; `behind` follows the file's own boxes."""
    kept, associations = [], b""
    for number, item in enumerate(items, 1):
        places = b""
        for one in item.properties:
            if one not in kept:
                kept.append(one)
            essential = 0x80 if one[4:8] in (b"hvcC", b"av1C", b"irot", b"imir", b"clap") else 0
            places += bytes([essential | (kept.index(one) + 1)])
        if places:
            associations += struct.pack(">HB", number, len(item.properties)) + places
    n_associations = sum(bool(item.properties) for item in items)
    iprp = box("iprp", box("ipco", *kept),
               full_box("ipma", 0, 0, struct.pack(">I", n_associations), associations))
    infos = [full_box("infe", 2, int(item.hidden), struct.pack(">HH", number, 0),
                      item.kind.encode(), b"\0",
                      item.content_type.encode() + b"\0" if item.content_type else b"") for number, item in enumerate(items, 1)]
    references = [box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
                  for number, item in enumerate(items, 1) for kind, to in item.references]
    head = [full_box("hdlr", 0, 0, struct.pack(">I4s12x", 0, b"pict"), b"\0"),
            full_box("pitm", 0, 0, struct.pack(">H", primary)),
            full_box("iinf", 0, 0, struct.pack(">H", len(items)), *infos), iprp]
    if references:
        head.append(full_box("iref", 0, 0, *references))

    ftyp = box("ftyp", brand.encode(), bytes(4), b"mif1", brand.encode(), b"miaf")

    def meta(data_at: int) -> bytes:
        places, at = b"", data_at
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, at, len(item.data))
            at += len(item.data)
        iloc = full_box("iloc", 0, 0, b"\x44\x00", struct.pack(">H", len(items)), places)
        return full_box("meta", 0, 0, *head, iloc)

    data_at = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(data_at) + box("mdat", *(item.data for item in items)) + behind


# --- Files --------------------------------------------------------------------------------------


def item_of(file: bytes, kind: str, size: tuple, extra: tuple = (), **rest) -> Item:
    data, configuration, colours = coded_picture(file)
    return Item(kind, data, [ispe(*size), configuration, *colours, *extra], **rest)


def exif_item(orientation: int, of: int) -> Item:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return Item("Exif", struct.pack(">I", 6) + exif.tobytes(), references=[("cdsc", [of])])


def grid(suffix: str, turn: tuple = (), exif: tuple = ()) -> bytes:
    """As a phone does it: tiles of one size, a canvas that the last ones stick out of."""
    columns, rows, width, height = 3, 2, 150, 100
    canvas = drawing(columns * TILE, rows * TILE)
    kind = {"heic": "hvc1", "avif": "av01"}[suffix]
    tiles = []
    for row in range(rows):
        for column in range(columns):
            corner = (column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)
            file = encode(canvas.crop(corner), suffix, quality=60)
            tiles.append(item_of(file, kind, (TILE, TILE), hidden=True))
    whole = Item("grid", grid_data(rows, columns, width, height), [ispe(width, height), *turn],
                 [("dimg", list(range(1, len(tiles) + 1)))])
    thumbnail = item_of(encode(drawing(*SIZE), suffix, quality=60), kind, SIZE,
                        references=[("thmb", [len(tiles) + 1])])
    return heif([*tiles, whole, thumbnail, *exif], len(tiles) + 1,
                {"heic": "heic", "avif": "avif"}[suffix])


def turned_files() -> dict:
    """Every irot with and without imir; an EXIF orientation, which doesn't count beside them."""
    files = {}
    for suffix, kind in (("heic", "hvc1"), ("avif", "av01")):
        coded = encode(drawing(*SIZE), suffix, quality=60)
        for turns in range(4):
            for mirror in (None, 0, 1):
                extra = (irot(turns),) + (() if mirror is None else (imir(mirror),))
                items = [item_of(coded, kind, SIZE, extra), exif_item(6, 1)]
                name = f"turned_{turns}{'' if mirror is None else f'_mirrored_{mirror}'}.{suffix}"
                files[name] = heif(items, brand=suffix)
    return files


def heic_files() -> dict:
    image = drawing(*SIZE)
    files = {}
    for chroma in ("420", "422", "444"):
        files[f"chroma_{chroma}.heic"] = encode(image, "heic", quality=80, chroma=chroma)
    files["odd.heic"] = encode(drawing(37, 51), "heic", quality=80)
    files["grey.heic"] = encode(image.convert("L"), "heic", quality=80)
    with_alpha = image.copy()
    with_alpha.putalpha(image.getchannel("R"))
    files["alpha.heic"] = encode(with_alpha, "heic", quality=80)
    deep = pillow_heif.from_bytes(
        "RGB;16", SIZE, (np.asarray(image).astype(np.uint16) * 257).tobytes())
    stream = io.BytesIO()
    deep.save(stream, quality=80)
    files["ten_bits.heic"] = stream.getvalue()
    # Display P3 with the BT.601 matrix, as Apple's phones write; BT.709 and BT.2020, studio range
    for name, primaries, matrix, full in (("p3", 12, 6, 1), ("bt709", 1, 1, 0), ("bt2020", 9, 9, 0)):
        files[f"{name}.heic"] = encode(
            image, "heic", quality=80, color_primaries=primaries, transfer_characteristics=13,
            matrix_coefficients=matrix, full_range_flag=full)
    coded = encode(image, "heic", quality=80)
    whole = item_of(coded, "hvc1", SIZE)
    other = item_of(encode(ImageOps.invert(image), "heic", quality=60), "hvc1", SIZE)
    files["second_is_primary.heic"] = heif([other, whole], primary=2)
    files["clean_aperture.heic"] = heif([item_of(coded, "hvc1", SIZE, (clap(40, 32),))])
    film = box("mpvd", box("ftyp", b"mp42", bytes(4), b"isom"), box("mdat", bytes(range(200))))
    files["motion_photo.heic"] = heif([whole], behind=film)
    files["any_brand.heic"] = heif([whole], brand="mif1")
    files["grid.heic"] = grid("heic")
    files["grid_turned.heic"] = grid("heic", (irot(3),), (exif_item(6, 7),))
    return files


def avif_files() -> dict:
    image = drawing(*SIZE)
    files = {}
    for chroma in ("4:2:0", "4:2:2", "4:4:4"):
        name = f"chroma_{chroma.replace(':', '')}.avif"
        files[name] = encode(image, "avif", quality=80, subsampling=chroma)
    files["odd.avif"] = encode(drawing(37, 51), "avif", quality=80)
    files["studio_range.avif"] = encode(image, "avif", quality=80, range="limited")
    files["grey.avif"] = encode(image.convert("L"), "avif", quality=80)
    with_alpha = image.copy()
    with_alpha.putalpha(image.getchannel("R"))
    files["alpha.avif"] = encode(with_alpha, "avif", quality=80)
    files["animation.avif"] = encode(image, "avif", quality=60, save_all=True,
                                     append_images=[image.rotate(180)])
    files["grid.avif"] = grid("avif")
    return files


def damaged_files() -> dict:
    """Headers that promise too much, or nothing."""
    coded = encode(drawing(*SIZE), "heic", quality=60)
    data, configuration, colours = coded_picture(coded)
    whole = item_of(coded, "hvc1", SIZE)
    huge = Item("hvc1", data, [ispe(60000, 60000), configuration, *colours])
    empty = Item("hvc1", data, [ispe(0, 64), configuration, *colours])
    # The header says 72 x 64, the coded picture has 4096 x 4096.
    hidden = item_of(encode(Image.new("RGB", (4096, 4096)), "heic", quality=10), "hvc1", SIZE)
    wide = Item("grid", grid_data(256, 256, 65000, 65000), [ispe(65000, 65000)],
                [("dimg", [2])])
    loop = Item("grid", grid_data(1, 1, *SIZE), [ispe(*SIZE)], [("dimg", [1])])
    return {
        "huge.heic": heif([huge]),
        "no_pixels.heic": heif([empty]),
        "larger_inside.heic": heif([hidden]),
        "huge_grid.heic": heif([wide, whole]),
        "grid_of_itself.heic": heif([loop]),
        "missing_tile.heic": heif([Item("grid", grid_data(1, 2, 144, 64), [ispe(144, 64)],
                                        [("dimg", [2, 3])]), whole]),
        "no_such_primary.heic": heif([whole], primary=9),
        "no_configuration.heic": heif([Item("hvc1", data, [ispe(*SIZE)])]),
        "no_picture.heic": heif([exif_item(1, 1)]),
        "other_codec.heic": heif([Item("vvc1", data, [ispe(*SIZE)])]),
    }


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    files = heic_files() | avif_files() | turned_files()
    pictures = []
    for name, content in sorted(files.items()):
        (FOLDER / name).write_bytes(content)
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        pixels = name.replace(".", "_") + ".png"
        image.convert("RGB").save(FOLDER / pixels, optimize=True)
        pictures.append({"file": name, "pixels": pixels})
    damaged = damaged_files()
    for name, content in damaged.items():
        (FOLDER / name).write_bytes(content)
    content = {"pictures": pictures, "damaged": sorted(damaged)}
    (FOLDER / "manifest.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
