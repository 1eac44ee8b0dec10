"""What the data scripts share: tables, tars, lists of pairs, recordings. Standard library only."""
import ast
import csv
import hashlib
import json
import os
import tarfile
import zipfile
from pathlib import Path

# Keys of a row whose value is a file (docs/new-sense.md).
MEDIA_KEYS = ("image", "audio", "depth", "thermal", "imu")


def read_table(path: Path) -> list[dict]:
    """The rows of a tab-separated file with a header; quotes mean nothing in it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def require(root: Path, *names: str) -> None:
    """Ends the program if something that sense_pairs.py prepares isn't there."""
    for name in names:
        if not (root / name).exists():
            raise SystemExit(f"{root / name} is missing: run sense_pairs.py --root {root} first")


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_list(path: Path, rows: list[dict], root: Path | None = None) -> None:
    """A list of pairs, a JSON object a line.

    The rows' files are relative to `root`, in the list they are relative to the list's folder;
    without `root` they stay as they are.
    """
    lines = []
    for row in rows:
        if root is not None:
            row = {key: os.path.relpath(root / value, path.parent) if key in MEDIA_KEYS else value
                   for key, value in row.items()}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))
    print(f"{path}: {len(rows)} rows")


def unpack_if_missing(root: Path, tars: Path | None, name: str) -> None:
    """Makes ROOT/NAME out of TARS/NAME.tar unless it is there."""
    if (root / name).is_dir():
        return
    if tars is None or not (tars / f"{name}.tar").is_file():
        raise SystemExit(f"{root / name} is missing: unpack it there or give --tars, "
                         f"the folder of {name}.tar")
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(tars / f"{name}.tar") as tar:
        inner = [m for m in tar.getmembers() if m.name.split("/")[0] in (name, ".")]
        target = root if any(m.name.startswith(f"{name}/") for m in inner) else root / name
        tar.extractall(target, filter="data")


def held_to(array: bytes, rows: int) -> bytes:
    """An .npy file with its last row repeated until there are `rows`; a longer one stays as it is.

    Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0.
    """
    length = int.from_bytes(array[8:10], "little")
    header = ast.literal_eval(array[10:10 + length].decode("latin-1"))
    data, (count, *rest) = array[10 + length:], header["shape"]
    if count >= rows:
        return array
    if array[:8] != b"\x93NUMPY\x01\x00" or header["fortran_order"] or not count:
        raise ValueError("is no array of rows in NumPy's format 1.0")
    row = data[len(data) // count * (count - 1):]
    text = repr(header | {"shape": (rows, *rest)})
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return (array[:8] + len(text).to_bytes(2, "little") + text.encode("latin-1") + data
            + row * (rows - count))


def unpack_arrays(archive: Path, folder: Path, min_rows: int = 1) -> None:
    """The arrays of an .npz file as FOLDER/NAME.npy, short ones `held_to` min_rows."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if "/" in name or not name.endswith(".npy"):
                raise SystemExit(f"{archive}: holds {name!r}, which is no array's name")
            try:
                content = held_to(file.read(name), min_rows)
            except (ValueError, SyntaxError, KeyError) as error:
                raise SystemExit(f"{archive}: {name}: {error}") from error
            (folder / name).write_bytes(content)


def ogg_digest(path: Path) -> str:
    """SHA-256 of an Ogg file's packets without its two header packets.

    Two files made of the same sound differ in the stream's serial number and the checksums that
    follow from it (RFC 3533), which are left out here.
    """
    content = path.read_bytes()
    digest, at, page = hashlib.sha256(), 0, 0
    while at < len(content):
        if content[at:at + 4] != b"OggS" or len(content) < at + 27:
            raise SystemExit(f"{path}: is no Ogg file, or is damaged at byte {at}")
        table = content[at + 27:at + 27 + content[at + 26]]
        start = at + 27 + len(table)
        at = start + sum(table)
        if page >= 2:  # OpusHead and OpusTags have a page each (RFC 7845)
            digest.update(content[start:at])
        page += 1
    return digest.hexdigest()
