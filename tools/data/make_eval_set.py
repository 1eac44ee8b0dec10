#!/usr/bin/env python3
"""Writes what `pandagpt eval all --data DATA/eval` measures (docs/panda-mini-data.md).

    make_eval_set.py --root DATA

DATA/eval/eval.json names the tasks; the lists are those of sense_pairs.py (run it first), test
parts only. Beside it: captions_test.json, composition.jsonl, synonyms.json, synonyms_exact.json and
text_questions.json. Deterministic, standard library only.
"""
import argparse
import json
from collections import Counter
from pathlib import Path

import class_sentences as classes
from caption_things import THINGS, names, words_of
from common import read_table, require, write_list, write_text
from imagenet_names import tidy_name
from prepare_panda_mini import build, read_captions

TOOLS = Path(__file__).resolve().parent
SYNONYMS = "synonyms.json"
EXACT_SYNONYMS = "synonyms_exact.json"
HEAR = "What do you hear?"
DOING = "What is the person doing?"

# Photos for composition: what all their captions name, and how many of them.
COMPOSITION_PHOTOS = {"dog": 20, "bicycle": 12, "boat": 7, "horse": 5, "frisbee": 6, "girl": 10,
                      "boy": 10, "man": 10, "woman": 10}
# Sounds whose source is, or may be, a thing of the photo.
NOT_WITH = {"dog": {"dog barking"}, "boat": {"sea waves"},
            **{person: {"children playing", "crying baby", "sneezing"}
               for person in ("girl", "boy", "man", "woman")}}


def read_list(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def exact_synonyms(root: Path) -> dict[str, list[str]]:
    """The held-out objects by their own names alone."""
    return {row["label"]: [row["label"]]
            for row in read_list(root / "imagenet1k_sample/objects_test.jsonl")}


def composition(root: Path, synonyms: dict[str, list[str]]) -> list[dict]:
    """Test photos, each with a test sound of something else; every class of sound about as often.

    A photo is taken when all its captions name its thing, and none of them a word for the sound.
    """
    sounds: dict[str, list[str]] = {}
    for name in ("esc10", "urbansound8k_subset", "animal_sounds"):
        for row in read_list(root / name / "test.jsonl"):
            sounds.setdefault(row["label"], []).append(f"{name}/{row['audio']}")
    used: Counter = Counter()
    rows = []
    photos = read_captions(root)["test"]
    for thing, count in COMPOSITION_PHOTOS.items():
        fitting = [image for image, captions in photos.items()
                   if all(names(caption, THINGS[thing]) for caption in captions)]
        for image in fitting[:count]:
            words = {word for caption in photos[image] for word in words_of(caption)}
            label = min((label for label in sounds if label not in NOT_WITH.get(thing, ())
                         and words.isdisjoint(synonyms[label])),
                        key=lambda label: (used[label], label))
            clips = sounds[label]
            rows.append({"image": image, "audio": clips[used[label] % len(clips)],
                         "names": [thing, label]})
            used[label] += 1
    return rows


def zero_shot(name: str, pairs: str, templates: tuple[str, ...], **more) -> dict:
    return {"name": name, "pairs": f"../{pairs}", "templates": list(templates), **more}


def answers(name: str, pairs: str, question: str, synonyms: str = SYNONYMS, **more) -> dict:
    return {"name": name, "pairs": f"../{pairs}", "question": question, "synonyms": synonyms,
            "beams": 1, **more}


def tasks(root: Path) -> dict:
    all_objects = [tidy_name(row["label"], row["wnid"])
                   for row in read_table(root / "imagenet1k_sample/labels.tsv")]
    objects = "imagenet1k_sample/objects_test.jsonl"
    sounds = {"ESC-10 fold 4": ("esc10/test.jsonl", 0.85),
              "UrbanSound8K fold 10": ("urbansound8k_subset/test.jsonl", None),
              "animal sounds": ("animal_sounds/test.jsonl", None)}
    actions = {"UTD-MHAD IMU, even subjects": ("utd_mhad/actions_imu_test.jsonl", 0.90),
               "phone and watch IMU, subjects 17-23": ("sp_sw_har/actions_imu_test.jsonl", 0.98),
               "UTD-MHAD depth, even subjects": ("utd_mhad/actions_depth_test.jsonl", None)}
    crops = "thermal_hituav/crops_test.jsonl"

    def aim(value: float | None) -> dict:
        return {} if value is None else {"aim": value}

    return {
        "name": "panda-mini test data",
        "captioning": [{"name": "Flickr8k test", "data": "captions_test.json", "images": "..",
                        "question": "Describe the image.", "beams": 4, "aim": 0.60}],
        "retrieval": [{"name": "Flickr8k test", "pairs": "../flickr8k/captions_test.jsonl",
                       "aim": 0.50}],
        "zero_shot":
            [zero_shot(name, pairs, classes.SOUND_TEMPLATES, **aim(value))
             for name, (pairs, value) in sounds.items()]
            + [zero_shot(name, pairs, classes.ACTION_TEMPLATES, **aim(value))
               for name, (pairs, value) in actions.items()]
            + [zero_shot("HIT-UAV crops", crops, classes.THERMAL_TEMPLATES, aim=0.85),
               zero_shot("held-out objects among their 50 names", objects,
                         classes.PHOTO_TEMPLATES),
               zero_shot("held-out objects among 1,000 names", objects, classes.PHOTO_TEMPLATES,
                         labels=all_objects)],
        "answers":
            [answers(name, pairs, HEAR) for name, (pairs, _) in sounds.items()]
            + [answers(name, pairs, DOING) for name, (pairs, _) in actions.items()]
            + [answers("HIT-UAV crops", crops, "What does the thermal camera show?"),
               answers("held-out objects, any common name", objects, "What is this?", aim=0.70),
               answers("held-out objects, exact name", objects, "What is this?", EXACT_SYNONYMS)],
        "composition": [{"name": "photo and sound", "pairs": "composition.jsonl",
                         "question": "What do you see and hear?", "synonyms": SYNONYMS}],
        "text_only": {"questions": "text_questions.json", "max_tokens": 60},
    }


def check(root: Path, eval_set: dict, synonyms: dict[str, list[str]]) -> None:
    """Every label that answers are judged by has its words."""
    for task in eval_set["answers"]:
        labels = {row["label"] for row in read_list(root / task["pairs"].removeprefix("../"))}
        if task["synonyms"] == SYNONYMS and (missing := labels - synonyms.keys()):
            raise SystemExit(f"{TOOLS / SYNONYMS}: has no words for {sorted(missing)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    root = parser.parse_args().root
    require(root, "sounds_test.jsonl", "imagenet1k_sample/objects_test.jsonl", "flickr8k")
    synonyms = json.loads((TOOLS / SYNONYMS).read_text(encoding="utf-8"))
    out = root / "eval"
    eval_set = tasks(root)
    check(root, eval_set, synonyms)
    for name in (SYNONYMS, "text_questions.json"):
        write_text(out / name, (TOOLS / name).read_text(encoding="utf-8"))
    write_text(out / EXACT_SYNONYMS, json.dumps(exact_synonyms(root), indent=0) + "\n")
    write_text(out / "captions_test.json",
               json.dumps(build(root, seed=1)["test"], ensure_ascii=False, indent=0) + "\n")
    write_list(out / "composition.jsonl", composition(root, synonyms), root)
    write_text(out / "eval.json", json.dumps(eval_set, indent=1) + "\n")
    print(f"{out / 'eval.json'}: "
          + ", ".join(f"{len(value)} {key}" for key, value in eval_set.items()
                      if isinstance(value, list)))


if __name__ == "__main__":
    main()
