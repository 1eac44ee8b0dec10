"""What the data scripts share: tables, tars, lists of pairs and recordings. Standard library only."""
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


def unpack_arrays(archive: Path, folder: Path) -> None:
    """The arrays of an .npz file as FOLDER/NAME.npy; those that are there stay."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if "/" in name or not name.endswith(".npy"):
                raise SystemExit(f"{archive}: holds {name!r}, which is no array's name")
            if not (folder / name).exists():
                (folder / name).write_bytes(file.read(name))


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
