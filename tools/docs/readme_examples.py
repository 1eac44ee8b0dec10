#!/usr/bin/env python3
"""Asks panda-mini the README's questions, and puts what it prints into the README.

    tools/docs/readme_examples.py build/release/src/cli/pandagpt
"""
import pathlib
import shlex
import subprocess
import sys

from marked_text import replace_part

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUESTIONS = [
    (["--image", ".cache/demo/chelsea.png"], "What animal is in the picture?"),
    (["--audio", "examples/data/siren.wav"], "What do you hear?"),
    (["--imu", "examples/data/walking_imu.csv"], "What is the person doing?"),
    (["--image", ".cache/demo/chelsea.png", "--audio", "examples/data/siren.wav"],
     "What do you see and hear?"),
]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    lines = []
    for inputs, question in QUESTIONS:
        arguments = ["ask", "--greedy", *inputs, question]
        answer = subprocess.run([sys.argv[1], *arguments], cwd=ROOT, check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        shown = " ".join(f'"{one}"' if " " in one else shlex.quote(one) for one in arguments)
        lines += [f"    $ pandagpt {shown}\n", *(f"    {line}\n" for line in answer.splitlines())]
    replace_part(ROOT / "README.md", "answers", pathlib.Path(__file__).name, lines)
    print("".join(lines), end="")


if __name__ == "__main__":
    main()
