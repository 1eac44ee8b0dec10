"""What guessing from the conversation gains (--draft-max), on questions that quote earlier text.

    python bench/prompt_lookup.py [--model panda-mini] [--repeat 5]

Each conversation runs in `pandagpt chat`, greedily, once without guessing and once with it, in turn.
The answers must be the same, letter for letter; the time is that of decoding alone. The second
group of conversations quotes nothing: there, guessing must not cost.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

REPORT = ("The ferry left the harbour at seven with forty passengers, two lorries and a horse. "
          "By nine the wind had turned to the north and the captain slowed the engines. "
          "Nobody was hurt, but the horse refused to leave the ship until noon.")
CODE = ("def read_rows(path, columns): with open(path) as file: for line in file: "
        "fields = line.split(columns.separator); yield [fields[i] for i in columns.indices]")

QUOTING = {
    "repeat": [f"Repeat this text word for word: {REPORT}",
               "Repeat the text once more, word for word.",
               "Now repeat only the second sentence of the text."],
    "correct": [f"Correct the spelling of this text and write it out in full: {REPORT}",
                "Write the corrected text again in full.",
                "What did the captain do? Quote the sentence."],
    "code": [f"Here is a function: {CODE}. Write it again with the name load_rows.",
             "Write the whole function again with the name parse_rows."],
}
FREE = {
    "story": ["Write a short story about a lighthouse.", "What could happen next?"],
    "facts": ["Why is the sky blue?", "And why is it red in the evening?"],
}


def run_chat(arguments, questions, n_draft):
    """One conversation; its answers and timings."""
    command = [str(arguments.pandagpt), "chat", "--model", arguments.model, "--json", "--greedy",
               "--max-tokens", str(arguments.tokens), "--draft-max", str(n_draft),
               *(["--threads", str(arguments.threads)] if arguments.threads else [])]
    done = subprocess.run(command, input="\n".join(questions) + "\n", text=True, check=True,
                          capture_output=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def decoding_ms(answers):
    return sum(answer["timings"]["generate_ms"] for answer in answers)


def compare(arguments, name, questions):
    """Medians of `repeat` runs each, which take turns."""
    plain, guessing = [], []
    for _ in range(arguments.repeat):
        without = run_chat(arguments, questions, 0)
        with_guesses = run_chat(arguments, questions, arguments.draft_max)
        if [a["answer"] for a in without] != [a["answer"] for a in with_guesses]:
            sys.exit(f"'{name}': the answers differ with guessing")
        plain.append(decoding_ms(without))
        guessing.append(decoding_ms(with_guesses))
    tokens = sum(answer["timings"]["generated_tokens"] for answer in without)
    return {"name": name, "tokens": tokens, "plain_ms": statistics.median(plain),
            "guessing_ms": statistics.median(guessing),
            "gain": statistics.median(plain) / statistics.median(guessing)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="panda-mini")
    parser.add_argument("--pandagpt", default=ROOT / "build/release/src/cli/pandagpt")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--draft-max", type=int, default=16)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()

    report = {}
    print(f"{'':<22}{'tokens':>8}{'plain':>10}{'guessing':>10}{'gain':>8}")
    for group, conversations in (("quoting", QUOTING), ("free", FREE)):
        rows = [compare(arguments, *item) for item in conversations.items()]
        total = {key: sum(row[key] for row in rows) for key in ("tokens", "plain_ms", "guessing_ms")}
        rows.append({"name": "all", **total, "gain": total["plain_ms"] / total["guessing_ms"]})
        for row in rows:
            print(f"{group + ': ' + row['name']:<22}{row['tokens']:>8}"
                  f"{row['tokens'] / row['plain_ms'] * 1e3:>8.1f}/s"
                  f"{row['tokens'] / row['guessing_ms'] * 1e3:>8.1f}/s{row['gain']:>7.2f}x")
        report[group] = rows
    print(json.dumps(report))


if __name__ == "__main__":
    main()
