#!/usr/bin/env python3
"""Questions about what can be measured in inputs, with the right numbers.

    bench/facts_questions.py make OUT [--count 200] [--seed 1] [--sensors DIR] [--real 100]
    bench/facts_questions.py train OUT --program pandagpt [--count 2000] [--seed 100]
    bench/facts_questions.py check OUT --program pandagpt
    bench/facts_questions.py score OUT --program pandagpt --model panda-mini

`make` writes files of thermal pictures, depth maps, motion and sounds whose numbers are known, because they were
chosen first, and OUT/questions.jsonl; with --sensors (the unpacked ../shared/data/sensors.tar) also questions about
real files, whose numbers are those of the right values beside them. About a third ask for what the file doesn't
have (degrees of a grey picture, metres of a photo): the right answer is that it isn't known. `train` writes
OUT/conversations.jsonl for pandagpt-train: other files, the same questions, with the measured line in "facts".
`check` compares what `pandagpt facts` measures with the numbers. `score` asks a model and prints the share of right answers: a number within the tolerance, or no number and a word for
not knowing.

A question is {KIND: file, "options": [..], "question": .., "number": .. or null, "tolerance": .., "unit": ..}."""

import argparse
import csv
import json
import math
import pathlib
import random
import re
import struct
import subprocess
import wave
import zlib

import numpy as np

NOT_KNOWN = re.compile(r"not known|unknown|don't know|do not know|can't (say|tell)|cannot (say|tell)|isn't known",
                       re.IGNORECASE)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
WORDING = {
    "hottest": ["How hot is the hottest point?", "What is the highest temperature?", "How warm is the warmest spot?"],
    "coldest": ["How cold is the coldest point?", "What is the lowest temperature?"],
    "mean": ["What is the mean temperature?", "How warm is it on average?"],
    "nearest": ["How far is the nearest thing?", "How close is the closest thing?", "What is the smallest distance?"],
    "farthest": ["How far is the farthest thing?", "What is the largest distance?"],
    "cadence": ["How many steps a minute?", "What is the cadence?", "How many steps per minute is that?"],
    "steps": ["How many steps are there?", "How many steps does the person make?"],
    "length": ["How long is the recording?", "How many seconds does it last?"],
    "pitch": ["What is the pitch in hertz?", "Which frequency does the tone have?"],
}
UNITS = {"hottest": "°C", "coldest": "°C", "mean": "°C", "nearest": "m", "farthest": "m", "cadence": "steps a minute",
         "steps": "steps", "length": "s", "pitch": "Hz"}
DONT_KNOW = ["That is not known: it was not measured.", "It is not known.", "I can't tell; it was not measured."]
GRAVITY = 9.80665


def grey_png(path, values, bits):
    rows = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in values)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))


def blob(shape, centre, width):
    y, x = np.mgrid[:shape[0], :shape[1]]
    return np.exp(-((x - centre[0])**2 + (y - centre[1])**2) / (2 * width**2))


def thermal(rng, stem):
    """Degrees as a table with the unit in its head, as the programs of thermal cameras export them."""
    shape = (48, 64)
    values = np.full(shape, rng.uniform(5, 30)) + np.random.default_rng(rng.randrange(2**31)).normal(0, 0.1, shape)
    values += rng.uniform(5, 60) * blob(shape, (rng.randrange(64), rng.randrange(48)), rng.uniform(2, 8))
    values -= rng.uniform(3, 20) * blob(shape, (rng.randrange(64), rng.randrange(48)), rng.uniform(2, 8))
    path = stem.with_suffix(".csv")
    with path.open("w") as out:
        out.write("Temperature (°C)\n")
        for row in values:
            out.write(";".join(f"{value:.2f}" for value in row) + "\n")
    numbers = {"hottest": (values.max(), 0.5), "coldest": (values.min(), 0.5), "mean": (values.mean(), 0.5)}
    return "thermal", path, [], numbers


def thermal_without_degrees(rng, stem):
    shape = (48, 64)
    grey = 0.3 + 0.6 * blob(shape, (rng.randrange(64), rng.randrange(48)), rng.uniform(3, 9))
    path = stem.with_suffix(".png")
    grey_png(path, (255 * grey).clip(0, 255), 8)
    return "thermal", path, [], {"hottest": None, "coldest": None, "mean": None}


def depth(rng, stem):
    wall, near = rng.uniform(2, 8), rng.uniform(0.4, 1.8)
    values = np.full((60, 80), 1000 * wall)
    x, y = rng.randrange(5, 50), rng.randrange(5, 35)
    values[y:y + rng.randrange(10, 25), x:x + rng.randrange(10, 30)] = 1000 * near
    grey_png(stem.with_suffix(".png"), values.round(), 16)
    return "depth", stem.with_suffix(".png"), ["--depth-encoding", "mm"], {
        "nearest": (near, 0.05 * near), "farthest": (wall, 0.05 * wall)}


def depth_without_unit(rng, stem):
    kind, path, _, _ = depth(rng, stem)
    return kind, path, ["--depth-encoding", "relative-inverse"], {"nearest": None, "farthest": None}


def motion(rng, stem):
    seconds, per_minute, rate = rng.uniform(8, 20), rng.uniform(85, 140), 100
    noise = np.random.default_rng(rng.randrange(2**31))
    time = np.arange(0, seconds, 1 / rate)
    step = 2 * np.pi * per_minute / 60 * time
    strength = rng.uniform(1.5, 3.5)
    columns = [0.8 * np.sin(step / 2), 0.6 * np.cos(step),
               GRAVITY + strength * np.sin(step) + 0.3 * strength * np.sin(2 * step + 1),
               0.3 * np.sin(step / 2), 0.2 * np.sin(step), 0.2 * np.sin(step / 2)]
    table = np.stack([time] + [column + noise.normal(0, 0.03, len(time)) for column in columns], 1)
    path = stem.with_suffix(".csv")
    np.savetxt(path, table, "%.5f", ",", comments="",
               header="time_s,acc_x [m/s2],acc_y [m/s2],acc_z [m/s2],gyro_x [rad/s],gyro_y [rad/s],gyro_z [rad/s]")
    numbers = {"cadence": (per_minute, 0.05 * per_minute), "length": (seconds, 0.3),
               "steps": (per_minute * seconds / 60, 2)}
    return "imu", path, [], numbers


def sound(rng, stem):
    seconds, hertz, rate = rng.uniform(1, 6), rng.uniform(120, 1500), 16000
    time = np.arange(0, seconds, 1 / rate)
    samples = rng.uniform(0.1, 0.8) * np.sin(2 * np.pi * hertz * time)
    path = stem.with_suffix(".wav")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((32767 * samples).astype("<i2").tobytes())
    return "audio", path, [], {"pitch": (hertz, 0.03 * hertz), "length": (seconds, 0.2)}


def rain(rng, stem):
    kind, path, _, numbers = sound(rng, stem)
    samples = np.random.default_rng(rng.randrange(2**31)).normal(0, 4000, int(16000 * numbers["length"][0]))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(samples.clip(-32767, 32767).astype("<i2").tobytes())
    return kind, path, [], {"pitch": None}


MAKERS = [thermal, thermal, thermal_without_degrees, depth, depth, depth_without_unit, motion, motion, sound, rain]


def made_questions(folder, count, seed):
    rng = random.Random(seed)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for i in range(count):
        kind, path, options, numbers = MAKERS[i % len(MAKERS)](rng, folder / "files" / f"{seed}_{i}")
        fact = rng.choice(sorted(numbers))
        yield question_about(kind, path.relative_to(folder), options, fact, numbers[fact], rng)


def question_about(kind, path, options, fact, number, rng):
    value, tolerance = number or (None, None)
    return {kind: str(path), "options": options, "question": rng.choice(WORDING[fact]), "fact": fact,
            "number": None if value is None else round(float(value), 3),
            "tolerance": None if tolerance is None else round(float(tolerance), 3), "unit": UNITS[fact]}


def real_numbers(sense, values, unit):
    """What is right of a value file of sensors.tar."""
    if sense == "thermal" and values.dtype.kind == "f":
        return {"hottest": (np.nanmax(values), 0.5), "coldest": (np.nanmin(values), 0.5),
                "mean": (np.nanmean(values), 0.5)}
    if sense == "thermal":
        return {"hottest": None} if "count" in unit else {}
    if sense == "depth":
        metres = values / 1000 if values.dtype.kind == "u" else values
        metres = metres[np.isfinite(metres) & (metres > 0)]
        near, far = np.quantile(metres, [0.001, 0.999])
        return {"nearest": (near, 0.1 * near), "farthest": (far, 0.1 * far)}
    if sense == "imu":
        return {"length": (values[-1, 0] - values[0, 0], 0.3)}
    return {}


def real_questions(sensors, count, seed):
    rng = random.Random(seed)
    usable = []
    with (sensors / "cases.tsv").open(encoding="utf-8", newline="") as table:
        for case in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            if case["right"] != "values" or not case["value_file"].endswith(".npy"):
                continue
            numbers = real_numbers(case["sense"], np.load(sensors / case["value_file"]), case["unit"])
            if numbers:
                usable.append((case, numbers))
    for i in range(count if usable else 0):
        case, numbers = usable[i % len(usable)]
        fact = rng.choice(sorted(numbers))
        yield question_about(case["sense"], (sensors / case["file"]).resolve(), case["options"].split(), fact,
                             numbers[fact], rng)


def input_of(question, folder):
    kind = next(key for key in ("thermal", "depth", "imu", "audio") if key in question)
    return [f"--{kind}", folder / question[kind], *question["options"]]


def answer_text(question, rng):
    if question["number"] is None:
        return rng.choice(DONT_KNOW)
    digits = 1 if question["unit"] in ("°C", "s") else 2 if question["unit"] == "m" else 0
    return f"{question['number']:.{digits}f} {question['unit']}."


def write_training(arguments):
    rng = random.Random(arguments.seed)
    with (arguments.out / "conversations.jsonl").open("w", encoding="utf-8") as out:
        for question in made_questions(arguments.out, arguments.count, arguments.seed):
            given = input_of(question, arguments.out)
            measured = json.loads(subprocess.run([arguments.program, "facts", "--json", *map(str, given)], check=True,
                                                 capture_output=True, text=True).stdout)[0]
            kind = given[0][2:]
            record = {kind: question[kind], "facts": measured.get("measured", ""), "conversation": [
                {"from": "human", "value": question["question"]},
                {"from": "gpt", "value": answer_text(question, rng)}]}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def is_right(question, answer):
    numbers = [float(number) for number in NUMBER.findall(answer)]
    if question["number"] is None:
        return not numbers and NOT_KNOWN.search(answer) is not None
    return len(numbers) > 0 and abs(numbers[0] - question["number"]) <= question["tolerance"]


def run_json(*arguments):
    """What the program prints; nothing if it refuses."""
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def is_measured(arguments, question):
    """Whether `pandagpt facts` has the number, or none where there is none."""
    facts = run_json(arguments.program, "facts", "--json", *input_of(question, arguments.out))
    fact = (facts or [{}])[0].get({"cadence": "steps_per_minute"}.get(question["fact"], question["fact"]))
    if question["number"] is None:
        return fact is None or fact.get("unit") == "counts" or not isinstance(fact["value"], (int, float))
    return fact is not None and abs(fact["value"] - question["number"]) <= question["tolerance"]


def is_answered(arguments, question):
    report = run_json(arguments.program, "ask", "-m", arguments.model, "--greedy", "--json",
                      *input_of(question, arguments.out), question["question"])
    return is_right(question, report["answer"] if report else "")


def score(arguments, judge):
    right, total = {True: 0, False: 0}, {True: 0, False: 0}
    for line in (arguments.out / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        known = question["number"] is not None
        total[known] += 1
        is_good = judge(arguments, question)
        right[known] += is_good
        if not is_good:
            print("wrong:", line)
    for known, name in ((True, "numbers within the tolerance"), (False, "not known, and no number")):
        share = 100 * right[known] / total[known] if total[known] else math.nan
        print(f"{name}: {right[known]} of {total[known]} ({share:.1f} %)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, count, seed in (("make", 200, 1), ("train", 2000, 100), ("check", 0, 0), ("score", 0, 0)):
        command = commands.add_parser(name)
        command.add_argument("out", type=pathlib.Path)
        command.add_argument("--program", default="pandagpt")
        command.add_argument("--model", default="panda-mini")
        command.add_argument("--count", type=int, default=count)
        command.add_argument("--seed", type=int, default=seed)
        command.add_argument("--sensors", type=pathlib.Path)
        command.add_argument("--real", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.command in ("check", "score"):
        return score(arguments, is_measured if arguments.command == "check" else is_answered)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.command == "train":
        return write_training(arguments)
    questions = list(made_questions(arguments.out, arguments.count, arguments.seed))
    if arguments.sensors:
        questions += real_questions(arguments.sensors, arguments.real, arguments.seed)
    text = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
    (arguments.out / "questions.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(questions)} questions in {arguments.out / 'questions.jsonl'}")


if __name__ == "__main__":
    main()
