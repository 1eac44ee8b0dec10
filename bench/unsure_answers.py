#!/usr/bin/env python3
"""How often an answer begins with "I am not sure": of right answers, of wrong ones, about strange films.

    bench/unsure_answers.py --pandagpt build/release/src/cli/pandagpt --data DATA --strange FOLDER

DATA is what tools/data/sense_pairs.py and make_eval_set.py write (docs/panda-mini-data.md), FOLDER what
tools/train/unsure.py has made. Asks a server of its own about N_EACH test inputs of each sense; an answer is right if
it names the label by one of DATA/eval/synonyms.json, or, of Flickr's photos, has a noun that two of their captions have.
Films go over a photo, or over a strange picture (tools/data/make_examples.py). Needs Pillow and numpy.
"""

import argparse
import base64
import collections
import concurrent.futures
import json
import pathlib
import random
import re
import sys
import tempfile
import urllib.request

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "tools" / "data")]
import make_examples  # noqa: E402
import serve_process  # noqa: E402
from later_inputs import AT_ONCE, MAX_TOKENS, Item, question_about, read_items  # noqa: E402

N_EACH = 200
N_FILMS = 60      # of photos
N_OF_A_KIND = 6   # films of strange pictures
LISTS = {
    "image": (["imagenet1k_sample/objects_test.jsonl"], "What is in the picture?"),
    "audio": ([f"{name}/test.jsonl" for name in ("esc10", "urbansound8k_subset", "animal_sounds")],
              "What do you hear?"),
    "imu": (["utd_mhad/actions_imu_test.jsonl", "sp_sw_har/actions_imu_test.jsonl"],
            "What is the person doing?"),
    "thermal": (["thermal_hituav/crops_test.jsonl"], "What does the thermal camera show?"),
}
# Words of answers and captions that name nothing.
EMPTY = set("a an the in on of and with is are it its picture this there see at to by from his her their i".split())


class Photo(Item):
    """A photo or film that has captions instead of a label."""

    def __init__(self, kind, path, captions, question):
        self.kind, self.path, self.question, self.settings = kind, path, question, {}
        counts = collections.Counter(word for caption in captions
                                     for word in set(re.findall("[a-z]+", caption.lower())) - EMPTY)
        self.names = {word for word, count in counts.items() if count >= 2}

    def part(self):
        if self.kind == "image":
            return super().part()
        return {"type": "input_video", "input_video": {"data": base64.b64encode(self.path.read_bytes()).decode()}}


def ask(address, item):
    body = {"messages": [question_about(item)], "temperature": 0, "max_tokens": MAX_TOKENS}
    request = urllib.request.Request(address + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as response:
        reply = json.load(response)
    return reply["choices"][0]["message"]["content"], reply.get("unsure", False)


def flickr_photos(data):
    """(path, captions) of test photos."""
    rows = json.loads((data / "eval" / "captions_test.json").read_text(encoding="utf-8"))
    return [(data / row["image_name"], row["captions"]) for row in rows]


def films(folder, photos, strange):
    """Films of photos, and of strange pictures."""
    result = []
    for i, (path, captions) in enumerate(photos):
        make_examples.write_pan(folder / f"{i}.avi", Image.open(path).convert("RGB"))
        result.append(Photo("video", folder / f"{i}.avi", captions, "What is in the video?"))
    others = []
    for kind in sorted((strange / "image").iterdir()):
        for path in sorted(kind.glob("*.png"))[:N_OF_A_KIND]:
            film = folder / f"{kind.name}_{path.stem}.avi"
            make_examples.write_pan(film, Image.open(path).convert("RGB").resize((512, 384)))
            others.append(Photo("video", film, [], "What is in the video?"))
    return result, others


def row_of(name, items, said):
    right = [unsure for item, (answer, unsure) in zip(items, said) if item.is_named_in(answer)]
    wrong = [unsure for item, (answer, unsure) in zip(items, said) if not item.is_named_in(answer)]
    return f"| {name} | {len(items)} | {len(right)} | {sum(right) / max(len(right), 1):.3f} | " \
           f"{sum(wrong) / max(len(wrong), 1):.3f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pandagpt", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--strange", type=pathlib.Path, required=True)
    parser.add_argument("--model", default=str(ROOT / "models/panda-mini"))
    arguments = parser.parse_args()
    data, draw = arguments.data.resolve(), random.Random(1)
    synonyms = json.loads((data / "eval/synonyms.json").read_text(encoding="utf-8"))
    photos = flickr_photos(data)
    draw.shuffle(photos)
    tables = {}
    for sense, (lists, question) in LISTS.items():
        items = [item for listed in lists for item in read_items(data, listed, question, synonyms)]
        tables[sense] = draw.sample(items, min(N_EACH, len(items)))
    tables["image"] += [Photo("image", path, captions, LISTS["image"][1])
                        for path, captions in photos[:N_EACH - len(tables["image"])]]
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(AT_ONCE) as at_once:
        tables["video"], strange = films(pathlib.Path(folder), photos[-N_FILMS:], arguments.strange)
        with serve_process.server(arguments.pandagpt, "--model", arguments.model,
                                  "--parallel", str(AT_ONCE)) as address:
            print("| Sense | Asked | Right | of these unsure | of the wrong ones |")
            print("|---|---:|---:|---:|---:|")
            for name, items in tables.items():
                print(row_of(name, items, list(at_once.map(lambda item: ask(address, item), items))), flush=True)
            said = list(at_once.map(lambda item: ask(address, item), strange))
            print(f"Films of strange pictures: {sum(unsure for _, unsure in said)} of {len(said)} unsure")


if __name__ == "__main__":
    main()
