#!/usr/bin/env python3
"""Writes Flickr8k as lists of pairs for `pandagpt-train bind`.

    flickr8k_pairs.py --root DATA [--tars FOLDER]

DATA/flickr8k/ is unpacked from FOLDER/flickr8k.tar when it is missing. Written into it:
captions_train.jsonl, captions_dev.jsonl and captions_test.jsonl, a line a photo:
{"image": .., "text": [its five captions]}, the captions cleaned as for the language model's
training. Standard library only.
"""
import argparse
import json
from pathlib import Path

from prepare_panda_mini import read_captions, unpack_if_missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--tars", type=Path)
    arguments = parser.parse_args()
    unpack_if_missing(arguments.root, arguments.tars, "flickr8k")
    folder = arguments.root / "flickr8k"
    for split, photos in read_captions(arguments.root).items():
        lines = [json.dumps({"image": str(Path(image).relative_to("flickr8k")), "text": captions},
                            ensure_ascii=False) + "\n"
                 for image, captions in photos.items() if captions]
        path = folder / f"captions_{split}.jsonl"
        path.write_text("".join(lines), encoding="utf-8")
        print(f"{path}: {len(lines)} pairs")


if __name__ == "__main__":
    main()
