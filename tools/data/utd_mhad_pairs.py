#!/usr/bin/env python3
"""Writes lists of pairs for `pandagpt-train bind` from UTD-MHAD (27 actions, 8 people; a motion
sensor on the wrist or thigh, and depth frames of the same clips).

    utd_mhad_pairs.py --root DATA [--tar utd_mhad.tar] [--hold-out 7]

DATA/utd_mhad/ is unpacked from the tar when it is missing. Written into it:

    imu_train.jsonl  imu_test.jsonl      {"imu": .., "label": ..}, the usual split: subjects 1, 3, 5
    depth_train.jsonl depth_test.jsonl   and 7 to train on, 2, 4, 6 and 8 to test
    depth_imu_train.jsonl                {"depth": .., "imu": .., "group": clip}

With --hold-out S, subject S is left out of the training lists and written to imu_held_out.jsonl and
depth_held_out.jsonl: settings are chosen with these, never with the test lists. Standard library
only.
"""
import argparse
import tarfile
from pathlib import Path

from common import read_table, write_list

TRAINING_SUBJECTS = {1, 3, 5, 7}
# What the recordings don't say themselves: see the data's README.
SENSOR = {"imu_rate_hz": 50, "acceleration_unit": "g", "rotation_unit": "deg/s"}
DEPTH = {"depth_encoding": "mm"}


def imu_of(clip: str) -> str:
    return f"imu.npz#{clip}"


def split(rows: list[tuple[int, dict]], held_out: int | None) -> dict[str, list[dict]]:
    parts = {"train": [], "test": [], "held_out": []}
    for subject, row in rows:
        part = "train" if subject in TRAINING_SUBJECTS else "test"
        parts["held_out" if subject == held_out else part].append(row)
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--tar", type=Path)
    parser.add_argument("--hold-out", type=int, choices=sorted(TRAINING_SUBJECTS))
    arguments = parser.parse_args()
    folder = arguments.root / "utd_mhad"
    if not (folder / "imu.tsv").exists():
        if arguments.tar is None:
            parser.error(f"{folder} has no imu.tsv; give --tar")
        arguments.root.mkdir(parents=True, exist_ok=True)
        with tarfile.open(arguments.tar) as tar:
            tar.extractall(arguments.root, filter="data")

    clips = read_table(folder / "imu.tsv")
    frames = read_table(folder / "depth.tsv")
    lists = {
        "imu": split([(int(row["subject"]), {"imu": imu_of(row["clip"]), "label": row["label"]}
                       | SENSOR) for row in clips], arguments.hold_out),
        "depth": split([(int(row["subject"]),
                         {"depth": f"depth/{row['image']}", "label": row["label"]} | DEPTH)
                        for row in frames], arguments.hold_out),
    }
    recorded = {row["clip"] for row in clips}
    pairs = split([(int(row["subject"]),
                    {"depth": f"depth/{row['image']}", "imu": imu_of(row["clip"]),
                     "group": row["clip"]} | SENSOR | DEPTH)
                   for row in frames if row["clip"] in recorded], arguments.hold_out)
    for sense, parts in lists.items():
        for part, rows in parts.items():
            if rows:
                write_list(folder / f"{sense}_{part}.jsonl", rows)
    write_list(folder / "depth_imu_train.jsonl", pairs["train"])


if __name__ == "__main__":
    main()
