#!/usr/bin/env python3
"""Whether a change of the program has changed its answers: records some 200 of them, and compares later.

    bench/recorded_answers.py --program OLD --photos FOLDER --record answers.json
    bench/recorded_answers.py --program NEW --photos FOLDER --compare answers.json

Greedy answers, and some of a beam search, by `pandagpt ask` and `pandagpt chat`: about photos of FOLDER and the
sounds, depth maps, thermal pictures and motions of examples/data; about one input, two, or none; in conversations
of several turns, some with a new input in a later one, and generated again. --compare prints each answer that
isn't the recorded one, letter for letter, and ends with code 1 if there is any. The same photos must be there:
their SHA-256 is recorded as well.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATA = ROOT / "examples/data"
OTHERS = [("audio", "siren.wav", "What do you hear?"), ("audio", "bell.wav", "What do you hear?"),
          ("depth", "depth_mm.png", "What is in the picture?"), ("thermal", "thermal_grey.png", "What is this?"),
          ("imu", "walking_imu.csv", "What is the person doing?"), ("video", "rolling_ball.avi", "What is this?")]
ABOUT_PHOTOS = ["What is in the picture?", "Describe the image.", "Is there a person?", "What is it?",
                "What colour is it?", "Is there a dog?", "How many people are there?",
                "Write a short story about this picture."]
LATER = ["What colour is it?", "Is it big?", "Why?", "Describe it once more, in other words."]
TEXTS = ["Hi", "What is the capital of France?", "Write a short story about a lighthouse.", "Why is the sky blue?",
         "Count from one to ten.", "Name three animals.", "What is 2 plus 3?", "Who are you?",
         "Repeat this text word for word: The ferry left the harbour at seven with forty passengers, two lorries "
         "and a horse. By nine the wind had turned to the north and the captain slowed the engines.",
         "Give me a recipe for pancakes."]
N_PHOTOS = 80
N_PAIRS = 15
N_CHATS = 20
N_BEAMS = 15


def cases(photos):
    """Each one a list of lines for `chat`: "/KIND FILE", questions and commands. One question: `ask`, too."""
    found = []
    for i, photo in enumerate(photos[:N_PHOTOS]):
        found.append([f"/image {photo}", ABOUT_PHOTOS[i % len(ABOUT_PHOTOS)]])
    for kind, name, question in OTHERS:
        found.append([f"/{kind} {DATA / name}", question])
    for i, photo in enumerate(photos[:N_PAIRS]):
        kind, name, _ = OTHERS[i % len(OTHERS)]
        found.append([f"/image {photo}", f"/{kind} {DATA / name}", "What do you see and hear?"])
    found += [[text] for text in TEXTS]
    for i, photo in enumerate(photos[:N_CHATS]):
        lines = [f"/image {photo}", ABOUT_PHOTOS[i % len(ABOUT_PHOTOS)], LATER[i % len(LATER)]]
        if i % 3 == 1:
            lines += [f"/image {photos[-1 - i]}", ABOUT_PHOTOS[(i + 3) % len(ABOUT_PHOTOS)]]
        if i % 3 == 2:
            lines += ["/regenerate", TEXTS[i % len(TEXTS)]]
        found.append(lines)
    found += [[text, text, "Repeat that once more, word for word."] for text in TEXTS[2:6] + TEXTS[8:]]
    return found


def arguments_of(lines):
    """The same for `pandagpt ask`."""
    inputs = [word for line in lines[:-1] for word in ("--" + line.split()[0][1:], line.split(" ", 1)[1])]
    return [*inputs, "--", lines[-1]]


def run(program, command, lines, *options):
    common = [program, command, "--greedy", "--json", "--no-cache", *options]
    if command == "ask":
        done = subprocess.run([*common, *arguments_of(lines)], capture_output=True, text=True, check=True)
    else:
        done = subprocess.run(common, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line)["answer"] for line in done.stdout.splitlines() if line.strip()]


def name_of(line):
    """The line without the folders of its file."""
    return line.split()[0] + " " + pathlib.Path(line.split(" ", 1)[1]).name if line.startswith("/") and \
        " " in line else line


def all_answers(program, photos):
    """Every answer by what was asked and how."""
    answers = {}

    def add(command, lines, *options):
        for number, answer in enumerate(run(program, command, lines, *options)):
            key = " | ".join([command, *options, *map(name_of, lines), str(number)])
            if key in answers:
                sys.exit(f"asked twice: {key}")
            answers[key] = answer

    for lines in cases(photos):
        n_asked = sum(not line.startswith("/") for line in lines)
        add("ask" if n_asked == 1 else "chat", lines)
    for lines in cases(photos)[:N_BEAMS]:
        add("ask", lines, "--beams", "4")
    add("chat", [f"/image {photos[0]}", *ABOUT_PHOTOS[:3]], "--beams", "3")
    return answers


def digest(photos):
    return hashlib.sha256(b"".join(photo.read_bytes() for photo in photos)).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/src/cli/pandagpt"))
    parser.add_argument("--photos", type=pathlib.Path, required=True, help="a folder of at least "
                        f"{N_PHOTOS + N_CHATS} pictures (*.jpg)")
    parser.add_argument("--record", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--compare", type=pathlib.Path, metavar="FILE")
    arguments = parser.parse_args()
    if bool(arguments.record) == bool(arguments.compare):
        parser.error("give --record or --compare")
    photos = sorted(arguments.photos.glob("*.jpg"))[:N_PHOTOS + N_CHATS]
    if len(photos) < N_PHOTOS + N_CHATS:
        parser.error(f"{arguments.photos}: has {len(photos)} pictures, {N_PHOTOS + N_CHATS} are needed")
    sha256 = digest(photos)
    if arguments.compare:
        before = json.loads(arguments.compare.read_text(encoding="utf-8"))
        if before["photos_sha256"] != sha256:
            parser.error(f"{arguments.compare}: was recorded with other photos")
    answers = all_answers(arguments.program, photos)
    if arguments.record:
        arguments.record.write_text(json.dumps({"photos_sha256": sha256, "answers": answers}, indent=1) + "\n",
                                    encoding="utf-8")
        print(f"{len(answers)} answers recorded")
        return
    differ = [key for key in sorted(before["answers"].keys() | answers.keys())
              if before["answers"].get(key) != answers.get(key)]
    for key in differ:
        print(f"{key}\n    before {before['answers'].get(key)!r}\n    now    {answers.get(key)!r}")
    print(f"{len(answers)} answers, {len(differ)} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
