#!/usr/bin/env python3
"""Conversations with a new input in each turn: is the newest one seen?

    bench/later_inputs.py --pandagpt build/release/src/cli/pandagpt --data DATA
    bench/later_inputs.py .. --question "What is this?" --json later.json

DATA is what tools/data/sense_pairs.py and make_eval_set.py write (docs/panda-mini-data.md). Asks a server of
its own, over the API, with what it has answered before in the conversation. An answer is right if it names
the input of its turn by one of DATA/eval/synonyms.json (docs/evaluation.md). Each table has three rows: every
input in a conversation of its own, the newest inputs in place of the earlier ones (`replace`), and all inputs in
their own turns (`keep`).

- Photos: 100 conversations of 4 of the 50 held-out objects. Each photo is as often in each turn, and the photos
  of a conversation share no name, so a turn's share can be compared with the first one's.
- Other senses: a sound after a photo, and a thermal picture after a motion; the share of the second turn.
"""

import argparse
import base64
import concurrent.futures
import json
import pathlib
import random
import re
import sys
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import serve_process  # noqa: E402

N_TURNS = 4
N_ROUNDS = 2  # each photo is in this many conversations at each turn
N_PAIRS = 50  # conversations of two senses
MAX_TOKENS = 48  # as in docs/evaluation.md
AT_ONCE = 4
ALONE, MODES = "alone", ("replace", "keep")


class Item:
    """An input with the question about it and the words that name it."""

    def __init__(self, row, folder, question, synonyms):
        self.kind = next(kind for kind in ("image", "audio", "thermal", "imu") if kind in row)
        self.path = folder / row[self.kind]
        self.label = row["label"]
        self.question = question
        self.names = {name.lower() for name in synonyms[self.label]}
        self.settings = {"rate_hz": row["imu_rate_hz"], "acceleration_unit": row["acceleration_unit"],
                         "rotation_unit": row["rotation_unit"]} if self.kind == "imu" else {}

    def part(self):
        data = base64.b64encode(self.path.read_bytes()).decode()
        kind, field = {"image": ("image_url", "url"), "audio": ("input_audio", "data"),
                       "thermal": ("thermal_image", "url"), "imu": ("imu", "data")}[self.kind]
        return {"type": kind, kind: {field: data, **self.settings}}

    def is_named_in(self, answer):
        """Whole words; the last one of a name may be in the plural."""
        words = " ".join(re.findall(r"\w+", answer.lower()))
        for name in self.names:
            name = " ".join(re.findall(r"\w+", name))
            forms = [name, name + "s", name + "es"] + ([name[:-1] + "ies"] if name.endswith("y") else [])
            if re.search(rf"\b({'|'.join(map(re.escape, forms))})\b", words):
                return True
        return False


def read_items(root, listed, question, synonyms):
    path = root / listed
    return [Item(json.loads(line), path.parent, question, synonyms)
            for line in path.read_text(encoding="utf-8").splitlines()]


def share_a_name(items):
    return sum(len(item.names) for item in items) > len(set().union(*(item.names for item in items)))


def photo_conversations(photos, seed):
    """N_ROUNDS * len(photos) conversations. A photo that shares a name with an earlier one of its conversation
    changes places with that of another conversation."""
    draw = random.Random(seed)
    conversations = []
    for _ in range(N_ROUNDS):
        columns = [draw.sample(photos, len(photos)) for _ in range(N_TURNS)]
        for turn in range(1, N_TURNS):
            def clashes(i):
                return share_a_name([column[i] for column in columns[:turn + 1]])

            for i in range(len(photos)):
                column = columns[turn]
                for j in range(len(photos)):
                    if not clashes(i):
                        break
                    column[i], column[j] = column[j], column[i]
                    if clashes(i) or (clashes(j) and j < i):
                        column[i], column[j] = column[j], column[i]
        conversations += zip(*columns)
    clashing = sum(share_a_name(one) for one in conversations)
    if clashing:
        raise SystemExit(f"{clashing} conversations have photos with a common name; take another --seed")
    return [list(one) for one in conversations]


def pairs(first, second, seed):
    draw = random.Random(seed)
    return [[one, other] for one, other in zip(draw.sample(first, N_PAIRS), draw.sample(second, N_PAIRS))]


def answer(address, messages, mode):
    body = {"messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS,
            "later_inputs": None if mode == ALONE else mode}
    request = urllib.request.Request(address + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def question_about(item):
    return {"role": "user", "content": [item.part(), {"type": "text", "text": item.question}]}


def talk(address, items, mode, first_answer):
    """The answers of one conversation; the first one is the same in every mode."""
    messages, answers = [], [first_answer]
    for item, next_item in zip(items, items[1:]):
        messages += [question_about(item), {"role": "assistant", "content": answers[-1]}]
        answers.append(answer(address, [*messages, question_about(next_item)], mode))
    return answers


def measure(address, conversations, modes):
    """Answers by mode and conversation."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as at_once:
        items = list({id(item): item for one in conversations for item in one}.values())
        said = at_once.map(lambda item: answer(address, [question_about(item)], ALONE), items)
        alone = dict(zip(map(id, items), said))
        result = {ALONE: [[alone[id(item)] for item in one] for one in conversations]}
        for mode in modes:
            result[mode] = list(at_once.map(
                lambda one, mode=mode: talk(address, one, mode, alone[id(one[0])]), conversations))
    return result


def shares(conversations, answers):
    """The right ones of each turn."""
    n_turns = len(conversations[0])
    return [sum(items[turn].is_named_in(said[turn]) for items, said in zip(conversations, answers))
            / len(conversations) for turn in range(n_turns)]


def report(title, conversations, answers_by_mode):
    n_turns = len(conversations[0])
    print(f"\n{title}, {len(conversations)} conversations\n")
    print("| | " + " | ".join(f"turn {turn + 1}" for turn in range(n_turns)) + " |")
    print("|---|" + "---:|" * n_turns)
    result = {}
    for mode, answers in answers_by_mode.items():
        result[mode] = shares(conversations, answers)
        print(f"| {mode} | " + " | ".join(f"{share:.2f}" for share in result[mode]) + " |", flush=True)
    return {"title": title, "shares": result,
            "conversations": [{"inputs": [[str(item.path), item.label] for item in items],
                               **{mode: answers[i] for mode, answers in answers_by_mode.items()}}
                              for i, items in enumerate(conversations)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pandagpt", required=True, help="the program")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", default=str(ROOT / "models/panda-mini"))
    parser.add_argument("--question", action="append", help="about a photo, once or more")
    parser.add_argument("--modes", default=",".join(MODES), help="replace, keep, or both with a comma")
    parser.add_argument("--limit", type=int, help="only the first conversations of each table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="every answer")
    arguments = parser.parse_args()
    root, modes = arguments.data, arguments.modes.split(",")
    synonyms = json.loads((root / "eval/synonyms.json").read_text(encoding="utf-8"))

    def items(listed, question):
        return read_items(root, listed, question, synonyms)

    objects = "imagenet1k_sample/objects_test.jsonl"
    tables = [(f'Photos, "{question}"', photo_conversations(items(objects, question), arguments.seed))
              for question in arguments.question or ["What is in the picture?", "What is this?"]]
    tables += [
        ("A photo, then a sound", pairs(items(objects, "What is in the picture?"),
                                        items("esc10/test.jsonl", "What do you hear?"), arguments.seed)),
        ("A motion, then a thermal picture",
         pairs(items("sp_sw_har/actions_imu_test.jsonl", "What is the person doing?"),
               items("thermal_hituav/crops_test.jsonl", "What does the thermal camera show?"),
               arguments.seed))]
    results = []
    with serve_process.server(arguments.pandagpt, "--model", arguments.model,
                              "--parallel", str(AT_ONCE)) as address:
        for title, conversations in tables:
            conversations = conversations[:arguments.limit]
            results.append(report(title, conversations, measure(address, conversations, modes)))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
