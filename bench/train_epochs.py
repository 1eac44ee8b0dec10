"""Epochs of short conversations by several builds of pandagpt-train, one after another in turns.

    python bench/train_epochs.py --trainer before=/tmp/old/pandagpt-train \
        --trainer now=build/release/src/train/pandagpt-train --kind alone

The conversations are invented: a question of four words and an answer of five. They are about rows of an .npy file, so
that no encoder takes part.

    alone    each about a row of its own
    shared   five questions about each row
    text     about no input

A run's first step is not counted: it makes the kernels. What is left are the steps of --epochs epochs, from which come
conversations a second; the wall time is that of the whole program. With --model tests/fixtures/tiny-panda the model
costs next to nothing, and what is left is the work around it.
"""

import argparse
import array
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
QUESTIONS = ["What do you see?", "Which colour is it?", "Is it very large?", "Where was it taken?", "What is it called?"]
THINGS = "dog cat bus tree house car bird fish boat horse cow train bicycle man woman child".split()
COLOURS = "red green blue small large old new brown white black".split()


def write_rows(path, n_rows, width):
    draw = random.Random(1)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {width}), }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    values = array.array("f", (draw.gauss(0, 1) for _ in range(n_rows * width)))
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + values.tobytes())


def write_data(folder, kind, n, width):
    """`n` conversations of one kind in folder/data.jsonl."""
    draw = random.Random(2)
    with open(folder / "data.jsonl", "w") as out:
        for i in range(n):
            answer = f"It is a {draw.choice(COLOURS)} {draw.choice(THINGS)}."
            record = {"conversation": [{"from": "human", "value": draw.choice(QUESTIONS)},
                                       {"from": "gpt", "value": answer}]}
            if kind != "text":
                record |= {"embedding": "rows.npy", "row": i // 5 if kind == "shared" else i}
            out.write(json.dumps(record) + "\n")
    write_rows(folder / "rows.npy", n, width)


def run(trainer, folder, args):
    """(conversations a second, packed positions a conversation, seconds of the program)"""
    out = folder / "out"
    command = [trainer, "llm", "--model", args.model, "--data", folder / "data.jsonl", "--out", out, "--restart",
               "--cache", folder / "cache", "--epochs", args.epochs, "--save-every", 10**9, "--threads", args.threads]
    # A copy of another build may have its library beside it.
    paths = [str(trainer.parent), os.environ.get("LD_LIBRARY_PATH", "")]
    environment = os.environ | {"LD_LIBRARY_PATH": ":".join(filter(None, paths))}
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, env=environment, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)
    wall = time.perf_counter() - start
    steps = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    steps = [step for step in steps if "seconds" in step][1:]
    n, positions, seconds = (sum(step[key] for step in steps) for key in ("conversations", "tokens", "seconds"))
    return n / seconds, positions / n, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainer", action="append", required=True, metavar="NAME=PROGRAM")
    parser.add_argument("--kind", choices=["alone", "shared", "text"], default="alone")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/panda-mini")
    parser.add_argument("--conversations", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.model = args.model.resolve()
    width = json.loads((args.model / "panda.json").read_text())["embedding_width"]
    trainers = {name: pathlib.Path(path).resolve() for name, path in (one.split("=", 1) for one in args.trainer)}
    results = {name: [] for name in trainers}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_data(folder, args.kind, args.conversations, width)
        for _ in range(args.rounds):
            for name, program in trainers.items():
                results[name].append(run(program, folder, args))
    first = None
    print(f"{args.conversations} conversations ({args.kind}), {args.epochs} epochs, {args.threads} threads, "
          f"{args.model.name}, best of {args.rounds}")
    for name, runs in results.items():
        speed, positions, wall = max(run[0] for run in runs), runs[0][1], min(run[2] for run in runs)
        first = first or speed
        print(f"{name:12} {speed:8.1f} conversations/s {speed / first:6.2f}x {positions:6.1f} positions each "
              f"{wall:7.1f} s in all")


if __name__ == "__main__":
    main()
