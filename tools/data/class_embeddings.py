#!/usr/bin/env python3
"""Embeddings of things that none of our training photos shows (the trunk has learned them from ImageNet), and
conversations about them.

    tools/data/class_embeddings.py --root DATA --pandagpt PANDAGPT --trunk TRUNK.gguf \
        --encoders ENCODERS.gguf --out DATA/panda_mini/classes.jsonl

The trunk's classifier knows 1,000 classes; its row w_k is nearly inverse(S) (mu_k - mu), as in linear
discriminant analysis, with S the covariance of the pooled features. So mu + a S w_k is about what a photo
of class k has on average, and what a photo of another class has beyond its own average makes it one
photo's instead of all's. Features whose class the classifier doesn't find again are left out, and
the tower's own head brings the others to the joint space. Written are OUT.npy, the embeddings, OUT,
conversations that name and confirm the classes, and OUT_sounds.jsonl, such about a class together with
a sound of something else. Needs numpy and gguf (PyPI).
"""
import argparse
import json
import os
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import read_table, require, write_list
from embeddings import Tensors, embed, unit
from imagenet_names import answers, tidy_name
from make_conversations import record
from object_talk import OBJECT_QUESTIONS, common_turns, is_this_turns
from photo_talk import Turns
from sense_talk import thing_and_sound

CAPTION_PHOTOS = 3000
# Of the covariance's mean variance, added to each: the value at which the most photos of the training
# part lie nearest to their own class's mean (0.61 at 0, 0.82 at 30, 0.82 at 1000).
SHRINKAGE = 30.0
RESIDUAL = (0.7, 1.0)
IS_THIS_SHARE = 0.25
COMMON_SHARE = 0.5


class VisionTower:
    """The classifier and the joint space's head of an encoders file."""

    def __init__(self, path: Path):
        file = Tensors(path)
        self.weight, self.bias = file["vision.classifier.weight"], file["vision.classifier.bias"]
        self.head, self.head_bias = file["vision.embd.weight"], file["vision.embd.bias"]
        self.scale = float(file.value("pandagpt.vision.output_scale"))

    def classes(self, features: np.ndarray) -> np.ndarray:
        return (features @ self.weight.T + self.bias).argmax(1)

    def embeddings(self, features: np.ndarray) -> np.ndarray:
        return self.scale * unit(features @ self.head.T + self.head_bias)

    def features(self, directions: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Pooled features from what is left of them: s d, so that head(s d) lies along e."""
        along = unit(embeddings)

        def across(rows: np.ndarray) -> np.ndarray:
            return rows - (rows * along).sum(1, keepdims=True) * along

        mapped = across(directions @ self.head.T)
        offset = across(np.broadcast_to(self.head_bias, mapped.shape))
        lengths = -(mapped * offset).sum(1) / (mapped * mapped).sum(1)
        return directions * lengths[:, None]


def class_means(tower: VisionTower, features: np.ndarray, objects: np.ndarray, classes: np.ndarray
                ) -> np.ndarray:
    """(1000, features), on the scale that fits the `objects`, photos of `classes`, best."""
    covariance = np.cov(features.T)
    shrunk = covariance + SHRINKAGE * np.diag(covariance).mean() * np.eye(len(covariance))
    directions = (tower.weight - tower.weight.mean(0)) @ shrunk
    mean = objects.mean(0)
    own = directions[classes]
    return mean + ((objects - mean) * own).sum() / (own * own).sum() * directions


def photos_of(root: Path) -> tuple[list[str], list[str]]:
    """Training photos of one thing, and some of the captioned ones."""
    sets = [("imagenet1k_sample", "objects_train.jsonl"), ("flickr8k", "captions_train.jsonl")]
    require(root, *(f"{folder}/{name}" for folder, name in sets))
    lists = []
    for folder, name in sets:
        lines = (root / folder / name).read_text(encoding="utf-8").splitlines()
        lists.append(sorted({f"{folder}/{json.loads(line)['image']}" for line in lines}))
    return lists[0], random.Random(0).sample(lists[1], min(CAPTION_PHOTOS, len(lists[1])))


class Known(NamedTuple):
    """What the training photos and the classifier tell about the classes."""
    tower: VisionTower
    names: list[str]       # of the classes
    things: np.ndarray     # (photos of one thing, features)
    captioned: np.ndarray  # (captioned photos, features)
    means: np.ndarray      # (classes, features)
    residuals: np.ndarray  # (photos of one thing, features): beyond their class's mean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What read_known() needs."""
    parser.add_argument("--root", type=Path, required=True, help="the data")
    parser.add_argument("--pandagpt", type=Path, required=True, help="the program")
    parser.add_argument("--trunk", type=Path, required=True, help="encoders: the trunk alone")
    parser.add_argument("--encoders", type=Path, required=True, help="encoders: the joint space")


def read_known(args: argparse.Namespace) -> Known:
    rows = read_table(args.root / "imagenet1k_sample/labels.tsv")
    class_of = {row["image"]: index for index, row in enumerate(rows)}
    photos, captioned = photos_of(args.root)
    classes = np.array([class_of[Path(photo).name] for photo in photos])
    tower = VisionTower(args.encoders)
    directions, embeddings = (embed(args.pandagpt, encoders, args.root, photos + captioned)
                              for encoders in (args.trunk, args.encoders))
    features = tower.features(unit(directions), embeddings)
    things = features[:len(photos)]
    means = class_means(tower, features, things, classes)
    return Known(tower, [tidy_name(row["label"], row["wnid"]) for row in rows], things,
                 features[len(photos):], means, things - means[classes])


def made_features(known: Known, per_class: int, seed: int) -> list[tuple[int, np.ndarray]]:
    """Class and features."""
    rng = np.random.default_rng(seed)
    made = []
    for index, mean in enumerate(known.means):
        shares = rng.uniform(*RESIDUAL, per_class)[:, None]
        drawn = known.residuals[rng.integers(0, len(known.residuals), per_class)]
        rows = np.maximum(mean + shares * drawn, 0)
        made += [(index, row) for row in rows[known.tower.classes(rows) == index]]
    return made


def turns_about(index: int, names: list[str], rng: random.Random) -> Turns:
    turns = [(rng.choice(OBJECT_QUESTIONS), rng.choice(answers(names[index])))]
    if rng.random() < COMMON_SHARE:
        turns += common_turns(index, names[index], rng)
    if rng.random() < IS_THIS_SHARE:
        turns += is_this_turns(index, names, rng)
    return turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--per-class", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    known = read_known(args)
    made = made_features(known, args.per_class, args.seed)
    rng = random.Random(args.seed)
    array = args.out.with_suffix(".npy")
    array_name = os.path.relpath(array, args.root)
    talk = [record({"embedding": array_name, "row": row}, [turn])
            for row, (index, _) in enumerate(made)
            for turn in turns_about(index, known.names, rng)]
    rng.shuffle(talk)
    rows_of: dict[int, list[int]] = {}
    for row, (index, _) in enumerate(made):
        rows_of.setdefault(index, []).append(row)
    with_sounds = [record({"embedding": array_name, "row": rng.choice(rows_of[index]), "audio": audio},
                          [turn])
                   for index, audio, turns in thing_and_sound(known.names, args.root, rng)
                   if index in rows_of for turn in turns]
    np.save(array, known.tower.embeddings(np.stack([row for _, row in made])).astype(np.float32))
    print(f"{array}: {len(made)} embeddings of {len({index for index, _ in made})} classes")
    write_list(args.out, talk)
    write_list(args.out.with_name(args.out.stem + "_sounds.jsonl"), with_sounds)


if __name__ == "__main__":
    main()
