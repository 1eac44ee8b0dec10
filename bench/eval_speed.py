#!/usr/bin/env python3
"""How long `pandagpt eval all` takes with two programs, one after the other, and whether they say the same.

    bench/eval_speed.py --before OLD --after NEW --data DATA/eval [--limit 16] [--repeat 1]

Each run begins with an empty cache of embeddings. Prints the seconds of the tasks in which the language model
answers, of all tasks, and of the whole program. Ends with code 1 if an answer differs.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ANSWERING = {"captioning", "answers", "composition", "text_only"}


def run(program, arguments):
    """Seconds of the whole program, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        command = [program, "eval", "all", "--data", arguments.data, "--limit", str(arguments.limit), "--rounds", "10",
                   "--out", report]
        for task in arguments.only:
            command += ["--only", task]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "XDG_CACHE_HOME": folder})
        return time.perf_counter() - start, json.loads(report.read_text(encoding="utf-8"))


def without_times(value):
    """A report as it is the same each time."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items()
                if key not in ("seconds", "command", "timings")
                and not key.endswith(("_ms", "_per_second"))}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def differences(before, after, place=""):
    """One line for each value that isn't the same."""
    if type(before) is type(after) is dict and before.keys() == after.keys():
        return [line for key in before for line in differences(before[key], after[key], f"{place}.{key}")]
    if type(before) is type(after) is list and len(before) == len(after):
        return [line for i, pair in enumerate(zip(before, after)) for line in differences(*pair, f"{place}[{i}]")]
    return [] if before == after else [f"{place}: {before!r} -> {after!r}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True)
    parser.add_argument("--after", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--only", action="append", default=[], help="only this task")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{'':<8} {'answering':>10} {'all tasks':>10} {'program':>10}   seconds")
    totals, reports = {}, {}
    for _ in range(arguments.repeat):
        for name, program in (("before", arguments.before), ("after", arguments.after)):
            seconds, reports[name] = run(program, arguments)
            tasks = [(task["task"], task.get("seconds", 0)) for task in reports[name]["tasks"]]
            row = [sum(time for kind, time in tasks if kind in ANSWERING), sum(time for _, time in tasks), seconds]
            print(f"{name:<8} {row[0]:>10.1f} {row[1]:>10.1f} {row[2]:>10.1f}", flush=True)
            totals[name] = [a + b for a, b in zip(totals.get(name, [0, 0, 0]), row)]
    gains = [f"{before / after:.2f}x" if after > 0 else "" for before, after in zip(totals["before"], totals["after"])]
    print(f"{'gain':<8} {gains[0]:>10} {gains[1]:>10} {gains[2]:>10}")
    for before, after in zip(reports["before"]["tasks"], reports["after"]["tasks"]):
        if without_times(before) != without_times(after):
            print("differs:", before["name"], *differences(without_times(before), without_times(after)), sep="\n    ")
    same = without_times(reports["before"]["tasks"]) == without_times(reports["after"]["tasks"])
    print("the reports say the same" if same else "THE REPORTS DIFFER")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
