#!/usr/bin/env python3
"""Writes panda-mini's picture training set in the reference's format.

    prepare_panda_mini.py --root DATA [--tars FOLDER] [--out DATA/panda_mini] [--seed 1]

DATA holds `flickr8k/` (images/, captions.tsv) and `imagenet1k_sample/` (images/, labels.tsv);
either is unpacked from FOLDER/NAME.tar when it is missing. Written to --out:

    train.json  [{"image_name": .., "conversation": [{"from": "human", "value": ..},
                                                     {"from": "gpt", "value": ..}]}]
    val.json    the same: one caption a photo of Flickr8k's dev split, and 50 held-out objects
    test.json   [{"image_name": .., "captions": [..]}], Flickr8k's test split

`image_name` is relative to DATA, which is the image root to give to the trainer. The same seed
writes the same bytes. Standard library only.
"""
import argparse
import json
import random
import re
from collections import defaultdict
from pathlib import Path

from common import read_table, unpack_if_missing, write_text
from imagenet_names import answers, tidy_name

CAPTION_QUESTIONS = [
    "What is in this photo?", "Describe the image.", "What do you see?",
    "What is happening here?", "What is happening in this picture?", "Describe this photo.",
    "What does the picture show?", "What can you see in the image?",
    "Give a short description of the photo.", "Tell me about this picture.",
    "What is shown in this image?", "Write a caption for this photo.",
    "Can you describe the picture?", "What is going on in this photo?",
]
OBJECT_QUESTIONS = [
    "What is this?", "What is the main thing in this picture?", "Name the object in the photo.",
    "What object is shown in the image?", "What is the main subject of this photo?",
    "What do you call the thing in this picture?",
]
HELD_OUT_OBJECTS = 50
MIN_WORDS = 3


def clean_caption(raw: str, min_words: int = MIN_WORDS) -> str:
    """A caption of the tokenised list as a written sentence; '' for one that is broken."""
    text = re.sub(r"\s+", " ", raw.replace("`", "'").replace("''", '"')).strip()
    text = re.sub(r" '(?=(s|t|re|ve|ll|d|m)\b)", "'", text)         # man 's -> man's
    text = re.sub(r"(^| )' ?([^']+?) '(?= |$)", r"\1'\2'", text)     # ' devil ' -> 'devil'
    text = re.sub(r"(\w) '(?= |$)", r"\1'", text)                    # boys ' -> boys'
    if text.count('"') % 2:
        text = text.replace('"', "")
    text = re.sub(r'" ?([^"]*?) ?"', lambda m: '"' + re.sub(r"[ .,]+$", "", m[1]) + '"', text)
    text = re.sub(r"\( ", "(", re.sub(r" \)", ")", text))
    if text.count("(") != text.count(")"):
        text = re.sub(r"[()]", "", text)
    text = re.sub(r"# (?=\d)", "#", text)
    text = re.sub(r" ?([.,;:!?])(?=[ )\"']|$)", r"\1", text)
    text = re.sub(r"^[^\w\"'(#]+|[\s.,;:\-]+$", "", text)
    if text.count("'") == 1:
        text = re.sub(r"^'|'$", "", text)
    text = re.sub(r" {2,}", " ", text).strip()
    if len(re.findall(r"\w+", text)) < min_words:
        return ""
    first = re.search(r"[A-Za-z]", text)
    if first:
        at = first.start()
        text = text[:at] + text[at].upper() + text[at + 1:]
    return text if text[-1] in "!?" else text + "."


def entry(image: str, question: str, answer: str) -> dict:
    return {"image_name": image, "conversation": [{"from": "human", "value": question},
                                                  {"from": "gpt", "value": answer}]}


def read_captions(root: Path) -> dict[str, dict[str, list[str]]]:
    """split -> image name -> cleaned captions, both in the list's order.

    The test split keeps its short captions: a test set must not be made easier or harder.
    """
    splits: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for row in read_table(root / "flickr8k/captions.tsv"):
        captions = splits[row["split"]].setdefault(f"flickr8k/images/{row['image']}", [])
        if caption := clean_caption(row["caption"],
                                       1 if row["split"] == "test" else MIN_WORDS):
            captions.append(caption)
    return splits


def object_sets(root: Path, rng: random.Random) -> tuple[list[dict], list[dict]]:
    """(train, held-out) entries that name the thing in a photo."""
    rows = read_table(root / "imagenet1k_sample/labels.tsv")
    held_out = set(rng.sample(range(len(rows)), HELD_OUT_OBJECTS))
    train, val = [], []
    for index, row in enumerate(rows):
        image = f"imagenet1k_sample/images/{row['image']}"
        sentences = answers(tidy_name(row["label"], row["wnid"]))
        questions = rng.sample(OBJECT_QUESTIONS, len(sentences))
        entries = [entry(image, q, a) for q, a in zip(questions, sentences)]
        if index in held_out:
            val.append(rng.choice(entries))
        else:
            train += entries
    return train, val


def build(root: Path, seed: int) -> dict[str, list[dict]]:
    rng = random.Random(seed)
    splits = read_captions(root)
    question = {image: rng.choice(CAPTION_QUESTIONS)
                for split in ("train", "dev") for image in splits[split]}
    train = [entry(image, question[image], caption)
             for image, captions in splits["train"].items() for caption in captions]
    val = [entry(image, question[image], rng.choice(captions))
           for image, captions in splits["dev"].items() if captions]
    test = [{"image_name": image, "captions": captions}
            for image, captions in splits["test"].items() if captions]
    objects, held_out = object_sets(root, rng)
    return {"train": train + objects, "val": val + held_out, "test": test}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the image root")
    parser.add_argument("--tars", type=Path, help="folder of flickr8k.tar, imagenet1k_sample.tar")
    parser.add_argument("--out", type=Path, help="default: ROOT/panda_mini")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in ("flickr8k", "imagenet1k_sample"):
        unpack_if_missing(args.root, args.tars, name)
    out = args.out or args.root / "panda_mini"
    for name, entries in build(args.root, args.seed).items():
        lines = ",\n".join(json.dumps(e, ensure_ascii=False) for e in entries)
        write_text(out / f"{name}.json", f"[\n{lines}\n]\n")
        images = len({e["image_name"] for e in entries})
        print(f"{out / name}.json: {len(entries)} entries, {images} photos")


if __name__ == "__main__":
    main()
