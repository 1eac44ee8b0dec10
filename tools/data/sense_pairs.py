#!/usr/bin/env python3
"""Writes the lists of pairs of all senses for `pandagpt-train bind` (docs/panda-mini-data.md).

    sense_pairs.py --root DATA [--tars FOLDER]

DATA/NAME/ is unpacked from FOLDER/NAME.tar when it is missing. Each set gets its lists into its own
folder, NAME_train.jsonl with labels and NAME_train_text.jsonl with sentences; `dev` is held out of
`train_dev` to choose settings with, `train` is all but `test`. DATA/sounds_*.jsonl are the three
sound sets together. The arrays of .npz files are laid beside them as .npy files. Standard library
only.
"""
import argparse
import re
from pathlib import Path

import class_sentences as classes
from common import read_table, unpack_arrays, unpack_if_missing, write_list
from flickr8k_pairs import write_captions
from imagenet_names import answers, article, tidy_name
from prepare_panda_mini import build
from sound_sets import SOUND_SETS, read_sounds
from utd_mhad_pairs import DEPTH, SENSOR, split

SETS = (*SOUND_SETS, "utd_mhad", "sp_sw_har", "thermal_hituav", "thermal_roadscene", "flickr8k",
        "imagenet1k_sample")
UTD_DEV_SUBJECT = 7
HAR_TEST_FROM, HAR_DEV_FROM = 17, 14
# Of 57 segments the set has one or two samples: nothing that could be recognised.
HAR_MIN_SAMPLES = 20
# A recording has to last a second (src/preprocess/imu.h). A shorter one is held at its last value,
# as preprocessing itself does with what a clip lacks.
HAR_HELD_SAMPLES = 102
HAR_SENSOR = {"imu_rate_hz": 100, "acceleration_unit": "m/s2", "rotation_unit": "rad/s"}
ROADSCENE_TEST_SHARE = 0.15
# Frames of one video closer than this are taken for the same scene.
ROADSCENE_SAME_SCENE = 20


def with_sentences(rows: list[dict], sentences) -> list[dict]:
    """The same pairs with the sentences of their class instead of its name."""
    return [{key: value for key, value in row.items() if key != "label"}
            | {"text": sentences(row["label"])} for row in rows]


def write_parts(root: Path, stem: str, parts: dict[str, list[dict]], sentences=None) -> None:
    """STEM_PART.jsonl of each part, and STEM_PART_text.jsonl of those that are trained on."""
    for part, rows in parts.items():
        write_list(root / f"{stem}_{part}.jsonl", rows, root)
        if sentences and part.startswith("train"):
            write_list(root / f"{stem}_{part}_text.jsonl", with_sentences(rows, sentences), root)


def write_sounds(root: Path) -> None:
    together: dict[str, list[dict]] = {}
    for name, parts in read_sounds(root).items():
        for part, rows in vars(parts).items():
            write_list(root / name / f"{part}.jsonl", rows, root)
            together.setdefault(part, []).extend(rows)
    write_parts(root, "sounds", together, classes.sound_sentences)


def utd_parts(rows: list[tuple[int, dict]]) -> dict[str, list[dict]]:
    held_out = split(rows, UTD_DEV_SUBJECT)
    return {"train": split(rows, None)["train"], "train_dev": held_out["train"],
            "dev": held_out["held_out"], "test": held_out["test"]}


def write_utd_mhad(root: Path) -> None:
    """Subjects 1, 3, 5, 7 train, the others test, as usual; dev is subject 7."""
    folder = root / "utd_mhad"
    unpack_arrays(folder / "imu.npz", folder / "imu")

    def labelled(row: dict) -> dict:
        return {"label": classes.ACTION_OF_LABEL[row["label"]]}

    imu = {row["clip"]: {"imu": f"utd_mhad/imu/{row['clip']}.npy"} | SENSOR
           for row in read_table(folder / "imu.tsv")}
    motions = [(int(row["subject"]), imu[row["clip"]] | labelled(row))
               for row in read_table(folder / "imu.tsv")]
    frames = read_table(folder / "depth.tsv")
    depth = [(int(row["subject"]), {"depth": f"utd_mhad/depth/{row['image']}"} | DEPTH | labelled(row))
             for row in frames]
    both = [(int(row["subject"]), {"depth": f"utd_mhad/depth/{row['image']}"} | DEPTH
             | imu[row["clip"]] | {"group": row["clip"]}) for row in frames if row["clip"] in imu]
    write_parts(root, "utd_mhad/actions_imu", utd_parts(motions), classes.action_sentences)
    write_parts(root, "utd_mhad/actions_depth", utd_parts(depth), classes.action_sentences)
    pairs = utd_parts(both)
    write_parts(root, "utd_mhad/actions_depth_imu",
                {"train": pairs["train"], "train_dev": pairs["train_dev"]})


def har_parts(root: Path) -> dict[str, list[dict]]:
    parts: dict[str, list[dict]] = {"train": [], "train_dev": [], "dev": [], "test": []}
    for row in read_table(root / "sp_sw_har/segments.tsv"):
        if int(row["length"]) < HAR_MIN_SAMPLES:
            continue
        subject = int(row["subject"].removeprefix("s"))
        entry = {"imu": f"sp_sw_har/imu/{row['segment']}.npy",
                 "label": classes.ACTION_OF_LABEL[row["label"]]} | HAR_SENSOR
        if subject >= HAR_TEST_FROM:
            parts["test"].append(entry)
        else:
            parts["train"].append(entry)
            parts["dev" if subject >= HAR_DEV_FROM else "train_dev"].append(entry)
    return parts


def write_sp_sw_har(root: Path) -> None:
    """Subjects 1 to 16 train (14 to 16 are dev), 17 to 23 test."""
    unpack_arrays(root / "sp_sw_har/segments.npz", root / "sp_sw_har/imu",
                  HAR_HELD_SAMPLES)
    write_parts(root, "sp_sw_har/actions_imu", har_parts(root), classes.action_sentences)


def frame_sentences(row: dict) -> list[str]:
    """A frame's caption, and what it shows without the exact numbers."""
    things = []
    for key, one, many in (("person", "a person", "people"), ("car", "a car", "cars"),
                           ("bicycle", "a bicycle", "bicycles"),
                           ("other_vehicle", "a truck or bus", "trucks or buses")):
        if count := int(row[key]):
            things.append(one if count == 1 else f"{'many' if count > 5 else 'some'} {many}")
    if not things:
        return [row["caption"]]
    said = ", ".join(things[:-1]) + (" and " if len(things) > 1 else "") + things[-1]
    when = "at night" if row["time"] == "night" else "by day"
    return [row["caption"], f"{said} seen from the air {when}", f"a thermal image of {said}",
            f"{said} in infrared, from above"]


def write_hituav(root: Path) -> None:
    """The set's own split; its `val` is dev."""
    crops: dict[str, list[dict]] = {"train": [], "train_dev": [], "dev": [], "test": []}
    frames = {part: [] for part in crops}

    def add(to: dict[str, list[dict]], own_split: str, entry: dict) -> None:
        for part in {"train": ("train", "train_dev"), "val": ("train", "dev"),
                     "test": ("test",)}[own_split]:
            to[part].append(entry)

    for row in read_table(root / "thermal_hituav/crops.tsv"):
        add(crops, row["split"], {"thermal": f"thermal_hituav/crops/{row['image']}",
                                  "label": classes.THERMAL_OF_LABEL[row["label"]]})
    for row in read_table(root / "thermal_hituav/frames.tsv"):
        add(frames, row["split"], {"thermal": f"thermal_hituav/frames/{row['image']}",
                                   "text": frame_sentences(row)})
    write_parts(root, "thermal_hituav/crops", crops, classes.thermal_sentences)
    write_parts(root, "thermal_hituav/frames", frames)


def write_roadscene(root: Path) -> None:
    """By video and frame number: the last ones test, so that no scene is in both lists."""
    def place(row: dict) -> tuple[str, int]:
        video, number = re.search(r"([^/]*?)(\d+)\.\w+$", row["ir"]).groups()
        return video, int(number)

    rows, scene, last = [], 0, ("", 0)
    for row in sorted(read_table(root / "thermal_roadscene/pairs.tsv"), key=place):
        at = place(row)
        scene += at[0] != last[0] or at[1] - last[1] >= ROADSCENE_SAME_SCENE
        last = at
        rows.append({"thermal": f"thermal_roadscene/{row['ir']}",
                     "image": f"thermal_roadscene/{row['visible']}",
                     "group": f"roadscene {scene}"})
    at = round(len(rows) * (1 - ROADSCENE_TEST_SHARE))
    while rows[at]["group"] == rows[at - 1]["group"]:
        at += 1
    write_parts(root, "thermal_roadscene/pairs", {"train": rows[:at], "test": rows[at:]})


def photo_sentences(name: str) -> list[str]:
    thing = article(name) + name
    return [thing, f"a photo of {thing}", f"a picture of {thing}", *answers(name)]


def write_photos(root: Path) -> None:
    write_captions(root)
    held_out = {entry["image_name"] for entry in build(root, seed=1)["val"]}
    parts: dict[str, list[dict]] = {"train": [], "test": []}
    for row in read_table(root / "imagenet1k_sample/labels.tsv"):
        image = f"imagenet1k_sample/images/{row['image']}"
        parts["test" if image in held_out else "train"].append(
            {"image": image, "label": tidy_name(row["label"], row["wnid"])})
    write_parts(root, "imagenet1k_sample/objects", parts, photo_sentences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--tars", type=Path, help="folder of the sets' tar files")
    arguments = parser.parse_args()
    for name in SETS:
        unpack_if_missing(arguments.root, arguments.tars, name)
    for write in (write_sounds, write_utd_mhad, write_sp_sw_har, write_hituav, write_roadscene,
                  write_photos):
        write(arguments.root)


if __name__ == "__main__":
    main()
