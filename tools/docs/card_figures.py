#!/usr/bin/env python3
"""Puts the figures of `pandagpt eval all` reports into a model card.

    tools/docs/card_figures.py models/panda-mini/README.md "All senses=b.json" "Pictures only=a.json"

The first report's figures have intervals; the others' stand beside them, where they have the same task.
Wrong answers are drawn at random from the first report, as many from each task as from the others.
"""
import itertools
import json
import pathlib
import random
import sys

from marked_text import replace_part

N_FAILURES = 10
KINDS = {"captioning": "Captions", "retrieval": "Retrieval", "zero_shot": "Zero-shot classes",
         "answers": "Right class named", "composition": "Both named", "text_only": "Text alone"}


def read_report(path: str) -> dict:
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def figures_of(report: dict) -> dict[tuple[str, str, str], dict]:
    return {(task["task"], task["name"], figure["name"]): figure
            for task in report["tasks"] if task["status"] == "done" for figure in task["figures"]}


def number(value: float) -> str:
    return f"{value:.3f}"


def row_of(key: tuple[str, str, str], figure: dict, others: list[dict]) -> str:
    kind, name, what = key
    interval = f"{number(figure['low'])} to {number(figure['high'])}" if "low" in figure else ""
    aim = ""
    if "aim" in figure:
        aim = f"{figure['aim']:g}, {'met' if figure['aim_met'] else 'not met'}"
    chance = number(figure["chance"]) if "chance" in figure else ""
    beside = [number(other[key]["value"]) if key in other else "" for other in others]
    cells = [KINDS[kind], name, what, number(figure["value"]), interval, str(figure["n"]), chance, aim,
             *beside]
    return "| " + " | ".join(cells) + " |\n"


def failures_of(report: dict) -> list[str]:
    rng = random.Random(1)
    wrong = []
    for task in report["tasks"]:
        if task["task"] not in ("answers", "composition") or "exact name" in task["name"]:
            continue
        found = [answer for answer in task.get("answers", []) if not answer["right"]]
        wrong.append([(task["name"], answer) for answer in rng.sample(found, len(found))])
    turns = itertools.chain.from_iterable(itertools.zip_longest(*wrong))
    rows = ["| Data | Question | Answer | Right would be |\n", "|---|---|---|---|\n"]
    for name, answer in itertools.islice(filter(None, turns), N_FAILURES):
        expected = answer["expected"]
        expected = " and ".join(expected) if isinstance(expected, list) else expected
        rows.append(f"| {name} | {answer['question']} | {answer['answer']} | {expected} |\n")
    return rows


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    card = pathlib.Path(sys.argv[1])
    titles, paths = zip(*(argument.split("=", 1) for argument in sys.argv[2:]))
    reports = [read_report(path) for path in paths]
    first, *others = (figures_of(report) for report in reports)
    head = ["Task", "Data", "Figure", titles[0], "95 % interval", "n", "Chance", "Aim", *titles[1:]]
    lines = ["| " + " | ".join(head) + " |\n", "|" + "---|" * len(head) + "\n"]
    lines += [row_of(key, figure, others) for key, figure in first.items()]
    writer = pathlib.Path(__file__).name
    replace_part(card, "figures", writer, lines)
    replace_part(card, "failures", writer, failures_of(reports[0]))


if __name__ == "__main__":
    main()
