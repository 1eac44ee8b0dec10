"""Conversations about sounds, motions, depth maps and thermal pictures, from their labels."""
import json
import random
from pathlib import Path

from class_sentences import ACTIONS, SOUNDS
from common import require
from object_talk import a, common_name
from photo_talk import Photo, Turns, be, pick, sentence

HEAR_QUESTIONS = ("What do you hear?", "What is this sound?", "Describe the sound.",
                  "What can be heard?", "What is happening in this recording?",
                  "Listen: what is it?")
MOTION_QUESTIONS = ("What is the person doing?", "What does the motion sensor show?",
                    "Which movement is this?", "What is happening?",
                    "What is the wearer of the sensor doing?", "Describe the motion.")
DEPTH_QUESTIONS = ("What is the person doing?", "What does the depth camera show?",
                   "What is happening?", "Describe the depth map.", "Which movement is this?")
THERMAL_QUESTIONS = ("What does the thermal camera show?", "What is in the infrared picture?",
                     "What do you see?", "Describe the thermal image.", "What is this?")
BOTH_QUESTIONS = ("What do you see and hear?", "Describe what you see and hear.",
                  "What is in the picture, and what do you hear?", "What can be seen and heard?")
SEE_QUESTIONS = ("What do you see?", "What is in the picture?", "Describe the image.")
# Pictures with a sound of each label.
PHOTOS_PER_SOUND, THINGS_PER_SOUND = 120, 40


def sound_turn(label: str, rng: random.Random) -> tuple[str, str]:
    sound = SOUNDS[label]
    said = sound.heard()
    if rng.random() < 0.1:
        return "What makes this sound?", sentence(sound.thing)
    return rng.choice(HEAR_QUESTIONS), pick(
        rng, f"I hear {said}.", f"I hear {said}.", f"This is the sound of {said}.",
        sentence(f"{sound.thing} {sound.verb()} {sound.doing}"),
        sentence(f"{sound.thing} {sound.does}"))


def heard_turn(label: str, rng: random.Random) -> tuple[str, str]:
    """Yes or no, as often the one as the other."""
    sound, is_there = SOUNDS[label], rng.random() < 0.5
    # things that sound alike, or that go together, are no fair question
    others = sorted({other.thing for name, other in SOUNDS.items()
                     if other.thing != sound.thing and name not in _ALIKE.get(label, ())})
    asked = sound.thing if is_there else rng.choice(others)
    question = pick(rng, f"Do you hear {asked}?", f"Do you hear {asked} here?",
                    f"Can you hear {asked}?")
    if is_there:
        return question, pick(rng, f"Yes, I hear {sound.heard()}.",
                              f"Yes, {sound.thing} {sound.verb()} {sound.doing}.", "Yes.")
    return question, pick(rng, f"No, I hear {sound.heard()}.",
                          f"No, I hear {sound.thing}.", "No.")


_ALIKE = {
    "rooster crowing": ("chicken clucking", "bird singing"),
    "chicken clucking": ("rooster crowing", "bird singing"),
    "bird singing": ("rooster crowing", "chicken clucking"),
    "sea waves": ("rain",), "rain": ("sea waves", "crackling fire"), "crackling fire": ("rain",),
    "crying baby": ("children playing", "sneezing"),
    "children playing": ("crying baby", "sneezing"),
    "sneezing": ("crying baby", "children playing"), "street music": ("children playing",),
    "engine idling": ("air conditioner", "helicopter", "chainsaw", "car horn"),
    "air conditioner": ("engine idling", "helicopter"),
    "helicopter": ("engine idling", "air conditioner"),
    "chainsaw": ("engine idling", "drilling"), "drilling": ("jackhammer", "chainsaw"),
    "jackhammer": ("drilling",), "siren": ("car horn",), "car horn": ("siren", "engine idling"),
}


def action_turn(label: str, questions: tuple[str, ...], rng: random.Random) -> tuple[str, str]:
    return rng.choice(questions), pick(
        rng, f"The person is {label}.", f"The person is {label}.", f"Someone is {label}.",
        f"A person is {label}.", f"The person {ACTIONS[label].does}.")


def crop_turn(label: str, rng: random.Random) -> tuple[str, str]:
    return rng.choice(THERMAL_QUESTIONS), pick(
        rng, f"It shows {label}.", sentence(label), f"I see {label}.",
        f"This is {label} seen from above.")


def frame_turn(texts: list[str], rng: random.Random) -> tuple[str, str]:
    """The first text has exact numbers, which a small picture doesn't give away."""
    return rng.choice(THERMAL_QUESTIONS), sentence(rng.choice(texts[1:] or texts))


def read_rows(root: Path, path: str) -> list[dict]:
    """A list of sense_pairs.py, its files relative to `root`."""
    require(root, path)
    folder = Path(path).parent
    rows = [json.loads(line) for line in (root / path).read_text(encoding="utf-8").splitlines()]
    return [{key: str(folder / value) if key in ("audio", "imu", "depth", "thermal") else value
             for key, value in row.items()} for row in rows]


SENSOR_KEYS = ("imu_rate_hz", "acceleration_unit", "rotation_unit", "depth_encoding")


def _entry(row: dict, key: str, turns: Turns) -> tuple[dict, Turns]:
    inputs: dict = {key: row[key]}
    if sensor := {name: row[name] for name in SENSOR_KEYS if name in row}:
        inputs["sensor"] = sensor
    return inputs, turns


def sense_conversations(root: Path, part: str, rng: random.Random
                        ) -> dict[str, list[tuple[dict, Turns]]]:
    """Kind -> (inputs, turns) of a part ("train", "train_dev" or "dev") of the lists."""
    sounds = read_rows(root, f"sounds_{part}.jsonl")
    motions = [row for name in ("utd_mhad", "sp_sw_har")
               for row in read_rows(root, f"{name}/actions_imu_{part}.jsonl")]
    depths = read_rows(root, f"utd_mhad/actions_depth_{part}.jsonl")
    crops = read_rows(root, f"thermal_hituav/crops_{part}.jsonl")
    frames = read_rows(root, f"thermal_hituav/frames_{part}.jsonl")
    return {
        "sound": [_entry(row, "audio", [sound_turn(row["label"], rng)])
                  for row in sounds for _ in range(2)],
        "heard": [_entry(row, "audio", [heard_turn(row["label"], rng)]) for row in sounds],
        "motion": [_entry(row, "imu", [action_turn(row["label"], MOTION_QUESTIONS, rng)])
                   for row in motions],
        "depth": [_entry(row, "depth", [action_turn(row["label"], DEPTH_QUESTIONS, rng)])
                  for row in depths],
        "thermal": [_entry(row, "thermal", [crop_turn(row["label"], rng)]) for row in crops]
                   + [_entry(row, "thermal", [frame_turn(row["text"], rng)]) for row in frames],
    }


def seen_and_heard(seen: str, heard: str, rng: random.Random, *more: str) -> Turns:
    """Asked after both inputs, and after either. `more`: other ways to tell of both."""
    both = (rng.choice(BOTH_QUESTIONS), pick(
        rng, f"I see {seen} and hear {heard}.", f"I see {seen}, and I hear {heard}.", *more))
    either = rng.choice(((rng.choice(HEAR_QUESTIONS[:2]), f"I hear {heard}."),
                         (rng.choice(SEE_QUESTIONS), f"I see {seen}.")))
    return [both, either]


def each_sound_alike(rows: list[dict], count: int, rng: random.Random) -> list[dict]:
    """As many rows of each label, whose numbers differ twentyfold."""
    of_label: dict[str, list[dict]] = {}
    for row in rows:
        of_label.setdefault(row["label"], []).append(row)
    return [rng.choice(of_label[label]) for label in sorted(of_label) for _ in range(count)]


def photo_and_sound(photos: list[Photo], root: Path, part: str, rng: random.Random
                    ) -> list[tuple[dict, Turns]]:
    """A photo with a sound of something else."""
    entries = []
    told = [photo for photo in photos if photo.clauses]
    for row in each_sound_alike(read_rows(root, f"sounds_{part}.jsonl"), PHOTOS_PER_SOUND, rng):
        photo = rng.choice(told)
        sound = SOUNDS[row["label"]]
        if any(sound.is_named(caption) for caption in photo.captions):
            continue
        clause = rng.choice(photo.clauses)
        heard = sound.heard()
        turns = seen_and_heard(
            f"{clause.subject} {clause.action}", heard, rng,
            sentence(f"{clause.subject} {be(clause)} {clause.action}, and I hear {heard}"))
        entries += [({"image": photo.image, "audio": row["audio"]}, [turn]) for turn in turns]
    return entries


def thing_and_sound(names: list[str], root: Path, rng: random.Random
                    ) -> list[tuple[int, str, Turns]]:
    """The place of one of the `names` of things, a sound of something else, and what is said."""
    entries = []
    for row in each_sound_alike(read_rows(root, "sounds_train.jsonl"), THINGS_PER_SOUND, rng):
        index = rng.randrange(len(names))
        sound = SOUNDS[row["label"]]
        if sound.is_named(names[index]):
            continue
        # The everyday word, where there is one: beside a sound nobody asks for the breed of a dog.
        seen, heard = a(common_name(index) or names[index]), sound.heard()
        entries.append((index, row["audio"], seen_and_heard(
            seen, heard, rng, sentence(f"{seen}, and I hear {heard}"))))
    return entries
