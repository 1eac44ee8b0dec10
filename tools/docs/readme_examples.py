#!/usr/bin/env python3
"""Asks panda-mini some of examples/questions.tsv, and puts what it prints into the README.

    tools/docs/readme_examples.py build/release/src/cli/pandagpt
"""
import dataclasses
import pathlib
import re
import shlex
import subprocess
import sys

from marked_text import replace_part

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "questions.tsv"
SHOWN = ("cat", "siren", "walks", "cat siren")  # by what a right answer names


@dataclasses.dataclass
class Example:
    where: list[str]  # "demo", "page"
    inputs: list[str]  # "--image", file, ..
    question: str
    words: list[str]  # of which a right answer has all

    @property
    def arguments(self) -> list[str]:
        return ["ask", "--greedy", *self.inputs, self.question]

    def is_right(self, answer: str) -> bool:
        said = re.findall(r"[a-z]+", answer.lower())
        return all(word in said for word in self.words)


def read_examples() -> list[Example]:
    rows = [line.split("\t") for line in EXAMPLES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [Example(where.split(","), inputs.split(), question, words.split()) for where, inputs, question, words in rows]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    lines = []
    examples = {" ".join(one.words): one for one in reversed(read_examples())}  # of equal words the first
    for words in SHOWN:
        example = examples[words]
        answer = subprocess.run([sys.argv[1], *example.arguments], cwd=ROOT, check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        shown = " ".join(f'"{one}"' if " " in one else shlex.quote(one) for one in example.arguments)
        if not example.is_right(answer):
            raise SystemExit(f"no right answer: pandagpt {shown}: {answer}")
        lines += [f"$ pandagpt {shown}\n", answer]
    replace_part(ROOT / "README.md", "answers", pathlib.Path(__file__).name, ["```console\n", *lines, "```\n"])
    print("".join(lines), end="")


if __name__ == "__main__":
    main()
