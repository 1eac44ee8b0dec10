#!/usr/bin/env python3
"""Writes Flickr8k as lists of pairs for `pandagpt-train bind`.

    flickr8k_pairs.py --root DATA [--tars FOLDER]

DATA/flickr8k/ is unpacked from FOLDER/flickr8k.tar when it is missing. Written into it:
captions_train.jsonl, captions_dev.jsonl and captions_test.jsonl, a line a photo:
{"image": .., "text": [its five captions]}, the captions cleaned as for the language model's
training. Standard library only.
"""
import argparse
from pathlib import Path

from common import unpack_if_missing, write_list
from prepare_panda_mini import read_captions


def write_captions(root: Path) -> None:
    for split, photos in read_captions(root).items():
        write_list(root / f"flickr8k/captions_{split}.jsonl",
                   [{"image": image, "text": captions}
                    for image, captions in photos.items() if captions], root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--tars", type=Path)
    arguments = parser.parse_args()
    unpack_if_missing(arguments.root, arguments.tars, "flickr8k")
    write_captions(arguments.root)


if __name__ == "__main__":
    main()
