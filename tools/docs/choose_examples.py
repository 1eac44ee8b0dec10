#!/usr/bin/env python3
"""Chooses the examples of the page and the demo, and writes into panda-mini's card what was tried and what was right.

    tools/docs/choose_examples.py build/release/src/cli/pandagpt       needs: numpy, pillow

What is tried: the photos and films of example_candidates.tsv (downloaded to .cache/candidates), and the sounds, motions,
depth maps and thermal pictures of tools/data/drawn_examples.py (written there). An answer is right if it has one of the
file's words, and speaks of nobody who isn't there. Of the files that the project can ship (SHIPPED), the first of each
sense with a right answer goes into examples/questions.tsv, of photos the first three. What is tried may be right behind
"I am not sure; perhaps"; an example may not.
"""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import re
import subprocess
import sys

from PIL import Image

from marked_text import replace_part

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "data"))
import drawn_examples  # noqa: E402
import make_examples  # noqa: E402

FOLDER = ROOT / ".cache" / "candidates"
LIST = pathlib.Path(__file__).with_name("example_candidates.tsv")
CARD = ROOT / "models" / "panda-mini" / "README.md"
EXAMPLES = ROOT / "examples" / "questions.tsv"
# Candidates that may be examples, and the files that the demo and the page then have: free ones in examples/data, others
# from set-up (scripts/demo_photos.tsv). The page has only the former.
SHIPPED = {
    "chelsea.png": (".cache/demo/chelsea.png", None),
    "coffee.png": ("examples/data/coffee.jpg", "examples/data/coffee.jpg"),
    "motorcycle_left.png": (".cache/demo/motorcycle_left.png", None),
    "pan_chelsea.avi": ("examples/data/cat.avi", "examples/data/cat.avi"),
    "audio_siren_wailing.wav": ("examples/data/siren.wav", "examples/data/siren.wav"),
    "imu_walking.csv": ("examples/data/walking_imu.csv", "examples/data/walking_imu.csv"),
    "depth_picking_something_up.png": ("examples/data/person_depth_mm.png", "examples/data/person_depth_mm.png"),
    "thermal_standing_person.png": ("examples/data/thermal_grey.png", "examples/data/thermal_centikelvin.png"),
}
N_PHOTOS = 3  # of the demo
QUESTIONS = {
    "image": ("What is in the picture?", "What is this?"),
    "video": ("What is in the video?", "What happens in the video?"),
    "audio": ("What do you hear?",),
    "imu": ("What is the person doing?",),
    "depth": ("What is the person doing?",),
    "thermal": ("What does the thermal camera show?",),
}
# Asked about these photos as well.
KIND_QUESTIONS = {"chelsea.png": "What animal is in the picture?", "horse.png": "What animal is in the picture?",
                  "motorcycle_left.png": "What vehicle is this?", "rocket.jpg": "What vehicle is this?",
                  "coffee.png": "What drink is it?", "astronaut.png": "Who is in the picture?",
                  "grace_hopper.jpg": "Who is in the picture?", "camera.png": "Who is in the picture?",
                  "china.jpg": "What building is this?", "flower.jpg": "What plant is this?"}
BOTH = "What do you see and hear?"
UNSURE = "I am not sure"
TITLES = {"image": "photos", "video": "films", "audio": "computed sounds", "imu": "computed motions",
          "depth": "drawn depth maps", "thermal": "drawn thermal pictures", "both": "a right photo with a right sound"}
# Words of which a right answer has one.
PHOTOS = {
    "astronaut.png": ("woman", "astronaut", "person", "lady"), "brick.png": ("brick", "wall"),
    "camera.png": ("man", "photographer", "camera", "person"), "chelsea.png": ("cat",),
    "china.jpg": ("palace", "temple", "pagoda", "building", "house"), "clock_motion.png": ("clock",),
    "coffee.png": ("coffee", "espresso", "cup"), "coins.png": ("coin", "coins"), "flower.jpg": ("flower", "daisy"),
    "grass.png": ("grass",), "gravel.png": ("gravel", "stones", "rocks", "pebbles"), "horse.png": ("horse",),
    "moon.png": ("moon", "crater"), "motorcycle_left.png": ("motorcycle", "motorbike", "scooter"),
    "page.png": ("page", "text", "book", "paper"), "rocket.jpg": ("rocket", "missile"),
    "grace_hopper.jpg": ("woman", "officer", "person", "uniform"),
}
FILMS = {
    "bigbuckbunny.mp4": ("rabbit", "bunny", "hare"), "bikes.mp4": ("bike", "bikes", "bicycle", "bicycles", "cyclist"),
    "carphone_pristine.mp4": ("man", "person"), "rolling_ball.avi": ("ball",), "pan_chelsea.avi": ("cat",),
    "pan_coffee.avi": ("coffee", "espresso", "cup"), "pan_rocket.avi": ("rocket", "missile"),
}
SOUNDS = {  # by the name's beginning
    "siren": ("siren",), "car horn": ("horn",), "clock": ("clock",), "jackhammer": ("jackhammer",), "gun": ("gun", "shot"),
    "helicopter": ("helicopter",), "rain": ("rain",), "sea": ("sea", "waves"), "crackling": ("fire",),
    "engine": ("engine",), "air": ("conditioner",), "chainsaw": ("chainsaw", "saw"),
}
MOTIONS = {"walking": ("walks", "walking", "walk"), "running": ("runs", "running", "jogging", "jogs"),
           "sitting": ("sits", "sitting"), "standing": ("stands", "standing")}
DEPTH_MAPS = {"waving": ("waves", "waving", "wave"), "clapping": ("claps", "clapping", "clap"),
              "pushing": ("pushes", "pushing", "push"), "crossing": ("cross", "crosses", "crossing"),
              "squatting": ("squats", "squatting", "squat"), "lunging": ("lunge", "lunges", "lunging"),
              "picking": ("pick", "picks", "picking"),
              "drawing": ("draws", "drawing", "draw"), "throwing": ("throws", "throwing", "throw"),
              "bowling": ("bowls", "bowling", "bowl"), "boxing": ("boxes", "boxing", "box"),
              "sitting": ("sits", "sitting", "sit"),
              "walking": ("walks", "walking", "walk")}
THERMAL_PICTURES = {"standing": ("person", "people", "man"), "person": ("person", "people", "man"),
                    "walking": ("person", "people", "man"), "car": ("car",), "truck": ("truck", "bus")}


# Whoever of these an answer about a picture or film speaks of must be there.
PEOPLE = {"man", "men", "woman", "women", "boy", "girl", "child", "children", "people", "person", "lady"}


@dataclasses.dataclass
class Candidate:
    sense: str
    path: pathlib.Path
    words: tuple[str, ...]
    right_to: tuple[str, ...] = ()  # questions


def is_right(answer: str, words: tuple[str, ...], sense: str) -> bool:
    said = set(re.findall(r"[a-z]+", answer.lower()))
    invented = said & PEOPLE - set(words) if sense in ("image", "video") else set()
    return not said.isdisjoint(words) and not invented


def words_for(name: str, table: dict) -> tuple[str, ...]:
    return next(words for beginning, words in table.items() if name.startswith(beginning))


def write_candidates() -> list[Candidate]:
    subprocess.run([sys.executable, ROOT / "scripts" / "fetch.py", LIST], check=True)
    found = [Candidate("image", FOLDER / name, words) for name, words in PHOTOS.items()]
    make_examples.write_rolling_ball(FOLDER / "rolling_ball.avi")
    for photo in ("chelsea.png", "coffee.png", "rocket.jpg"):
        film = FOLDER / f"pan_{pathlib.Path(photo).stem}.avi"
        make_examples.write_pan(film, Image.open(FOLDER / photo).convert("RGB"))
    found += [Candidate("video", FOLDER / name, words) for name, words in FILMS.items()]
    for sense, makers, table, ending, write in (
            ("audio", drawn_examples.SOUNDS, SOUNDS, "wav", make_examples.write_sound),
            ("imu", drawn_examples.MOTIONS, MOTIONS, "csv", make_examples.write_motion),
            ("depth", drawn_examples.DEPTH_MAPS, DEPTH_MAPS, "png", make_examples.write_depth),
            ("thermal", drawn_examples.THERMAL_PICTURES, THERMAL_PICTURES, "png", make_examples.write_thermal)):
        for name, make in makers.items():
            path = FOLDER / f"{sense}_{re.sub('[^a-z]+', '_', name)}.{ending}"
            write(path, make())
            found.append(Candidate(sense, path, words_for(name, table)))
    return found


class Model:
    """panda-mini's greedy answers. What has been asked once is kept in .cache/candidates."""

    def __init__(self, program: str):
        self._program = program
        self._kept = FOLDER / "answers.json"
        self._answers = json.loads(self._kept.read_text()) if self._kept.is_file() else {}
        files = json.loads((CARD.parent / "panda.json").read_text())["files"]
        self._weights = "".join(file["sha256"][:8] for file in files.values())

    def ask(self, inputs: list[tuple[str, pathlib.Path]], question: str) -> str:
        files = [hashlib.sha256(path.read_bytes()).hexdigest() for _, path in inputs]
        key = " ".join([self._weights, *files, question])
        if key not in self._answers:
            arguments = itertools.chain.from_iterable(("--" + sense, str(path)) for sense, path in inputs)
            outcome = subprocess.run([self._program, "ask", "--json", "--greedy", "--threads", "1", "--model", "panda-mini",
                                      *arguments, question], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
            self._answers[key] = json.loads(outcome.stdout)["answer"]
            self._kept.write_text(json.dumps(self._answers, indent=1))
        return self._answers[key]


def questions_about(candidate: Candidate) -> tuple[str, ...]:
    kind_question = KIND_QUESTIONS.get(candidate.path.name)
    return ((kind_question,) if kind_question else ()) + QUESTIONS[candidate.sense]


def try_alone(model: Model, candidate: Candidate) -> None:
    for question in questions_about(candidate):
        answer = model.ask([(candidate.sense, candidate.path)], question)
        right = is_right(answer, candidate.words, candidate.sense)
        candidate.right_to += (question,) if right else ()
        print("right" if right else "wrong", candidate.path.name, question, answer, sep=" | ", flush=True)


def try_together(model: Model, photo: Candidate, sound: Candidate) -> bool:
    answer = model.ask([("image", photo.path), ("audio", sound.path)], BOTH)
    seen, _, heard = answer.partition("hear")
    right = is_right(seen, photo.words, "image") and is_right(heard, sound.words, "audio")
    print("right" if right else "wrong", photo.path.name, sound.path.name, answer, sep=" | ", flush=True)
    return right


def shown_name(candidate: Candidate) -> str:
    return candidate.path.stem.removeprefix(candidate.sense + "_").replace("_", " ").strip()


def rows_of(tried: list[Candidate]) -> list[str]:
    rows = []
    for sense in QUESTIONS:
        questions = dict.fromkeys(question for candidate in tried if candidate.sense == sense
                                  for question in questions_about(candidate))
        for question in questions:
            some = [candidate for candidate in tried
                    if candidate.sense == sense and question in questions_about(candidate)]
            right = [shown_name(candidate) for candidate in some if question in candidate.right_to]
            rows.append(f"| {TITLES[sense]} | {question} | {len(some)} | {len(right)} | {', '.join(right)} |\n")
    return rows


def words_in(answer: str, words: tuple[str, ...]) -> list[str]:
    return [word for word in words if word in re.findall(r"[a-z]+", answer.lower())][:1]


def surely(model: Model, inputs: list[tuple[str, pathlib.Path]], question: str) -> str:
    """The answer about files as they are shipped, which must not begin with UNSURE."""
    answer = model.ask(inputs, question)
    if answer.startswith(UNSURE):
        raise SystemExit(f"not sure as it is shipped: {inputs}: {question}: {answer}")
    return answer


def choose(model: Model, tried: list[Candidate], pair: tuple[Candidate, Candidate]) -> list[str]:
    """Lines of questions.tsv. A file is asked about once more in the form in which it is shipped."""
    rows: list[str] = []
    for sense in QUESTIONS:
        right = [one for one in tried if one.sense == sense and one.right_to and one.path.name in SHIPPED]
        for place, at in (("demo", 0), ("page", 1)):
            # The page proposes its question for every input of the sense.
            asked = {one.path.name: [question for question in one.right_to
                                     if place == "demo" or question in QUESTIONS[sense]] for one in right}
            some = [one for one in right if SHIPPED[one.path.name][at] and asked[one.path.name]]
            for one in some[:N_PHOTOS if (sense, place) == ("image", "demo") else 1]:
                path, question = SHIPPED[one.path.name][at], asked[one.path.name][0]
                answer = surely(model, [(sense, ROOT / path)], question)
                if not is_right(answer, one.words, sense):
                    raise SystemExit(f"not right as it is shipped: {path}: {question}: {answer}")
                rows.append("\t".join([place, f"--{sense} {path}", question, *words_in(answer, one.words)]))
    photo, sound = pair
    seen, heard = (SHIPPED[one.path.name][0] for one in pair)
    answer = surely(model, [("image", ROOT / seen), ("audio", ROOT / heard)], BOTH)
    words = words_in(answer, photo.words) + words_in(answer, sound.words)
    return [*rows, "\t".join(["demo", f"--image {seen} --audio {heard}", BOTH, " ".join(words)])]


def write_examples(rows: list[str]) -> None:
    """Keeps the comments at the beginning. Equal rows of the demo and the page become one."""
    comments = [line for line in EXAMPLES.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    places: dict[str, list[str]] = {}
    for row in rows:
        place, rest = row.split("\t", 1)
        places.setdefault(rest, []).append(place)
    lines = [",".join(where) + "\t" + rest for rest, where in places.items()]
    EXAMPLES.write_text("\n".join([*comments, *lines]) + "\n", encoding="utf-8")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    tried = write_candidates()
    model = Model(sys.argv[1])
    for candidate in tried:
        try_alone(model, candidate)
    photos, sounds = ([candidate for candidate in tried if candidate.sense == sense and candidate.right_to]
                      for sense in ("image", "audio"))
    pairs = list(itertools.product(photos, sounds))
    right_pairs = [pair for pair in pairs if try_together(model, *pair)]
    right = [f"{shown_name(photo)} and {shown_name(sound)}" for photo, sound in right_pairs]
    rows = ["| What was tried | Question | Tried | Right | Which were right |\n", "|---|---|---|---|---|\n",
            *rows_of(tried),
            f"| {TITLES['both']} | {BOTH} | {len(pairs)} | {len(right)} | {', '.join(right)} |\n"]
    replace_part(CARD, "examples", pathlib.Path(__file__).name, rows)
    shipped = next(pair for pair in right_pairs if all(one.path.name in SHIPPED for one in pair))
    write_examples(choose(model, tried, shipped))


if __name__ == "__main__":
    main()
