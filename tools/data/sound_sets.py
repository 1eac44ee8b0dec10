"""The three sound sets, cut into parts so that no recording is in two of them.

ESC-10 and UrbanSound8K come with folds, and their file names begin with the number of the freesound
recording that a clip was cut from; both drew on freesound, and some recordings are in both.

The animal sounds name no recordings. Their numbers run through the cuts of one recording after the
other, and some clips are there twice (the same packets under two numbers, e.g. Kus_12 and Kus_131).
So a part of them is, for each animal, a run of neighbouring numbers; clips less than MARGIN numbers
away from it are left out, and so are clips that equal one of its clips. Of all runs that one is
taken which costs the fewest clips. Two cuts of one recording with numbers far apart can't be told.
"""
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from class_sentences import SOUND_OF_LABEL
from common import ogg_digest, read_table

MARGIN = 3
ANIMAL_TEST_SHARE = 0.15
ANIMAL_DEV_SHARE = 0.10
ESC_TEST_FOLD, ESC_DEV_FOLD = "4", "3"
URBAN_TEST_FOLD, URBAN_DEV_FOLD = "10", "3"
SOUND_SETS = ("esc10", "urbansound8k_subset", "animal_sounds")


@dataclass
class Parts:
    """Rows of a sound list. `train` includes `dev`; `train_dev` doesn't."""
    train: list[dict] = field(default_factory=list)
    train_dev: list[dict] = field(default_factory=list)
    dev: list[dict] = field(default_factory=list)
    test: list[dict] = field(default_factory=list)


@dataclass
class Clip:
    row: dict
    fold: str
    recording: str


def freesound_clips(root: Path, name: str) -> list[Clip]:
    clips = []
    for row in read_table(root / name / "labels.tsv"):
        parts = row["audio"].split("-")
        clips.append(Clip({"audio": f"{name}/audio/{row['audio']}",
                           "label": SOUND_OF_LABEL[row["label"]]},
                          row["fold"], parts[1] if name == "esc10" else parts[0]))
    return clips


def freesound_parts(root: Path) -> dict[str, Parts]:
    """Both sets by fold, less the training clips whose recording is in a test or dev fold."""
    folds = {"esc10": (ESC_TEST_FOLD, ESC_DEV_FOLD),
             "urbansound8k_subset": (URBAN_TEST_FOLD, URBAN_DEV_FOLD)}
    clips = {name: freesound_clips(root, name) for name in folds}
    held_out = [{clip.recording for name, (test, dev) in folds.items() for clip in clips[name]
                 if clip.fold == (test, dev)[part]} for part in (0, 1)]
    sets = {}
    for name, (test, dev) in folds.items():
        parts = sets[name] = Parts()
        for clip in clips[name]:
            if clip.fold == test:
                parts.test.append(clip.row)
            elif clip.recording not in held_out[0]:
                parts.train.append(clip.row)
                if clip.fold == dev:
                    parts.dev.append(clip.row)
                elif clip.recording not in held_out[1]:
                    parts.train_dev.append(clip.row)
    return sets


def neighbourhood(digests: list[str], run: range) -> set[int]:
    """The indices that aren't to be trained on if `run` is held out: see the module's text."""
    inside = {digests[i] for i in run}
    near = {i for at in (run.start, run.stop - 1) for i in range(at - MARGIN, at + MARGIN + 1)
            if 0 <= i < len(digests)}
    return near | set(run) | {i for i, digest in enumerate(digests) if digest in inside}


def cheapest_run(digests: list[str], share: float, taken: set[int]) -> tuple[range, set[int]]:
    """The run of a `share` of all clips, none of them `taken`, with the smallest neighbourhood."""
    length = max(1, round(share * len(digests)))
    runs = [range(at, at + length) for at in range(len(digests) - length + 1)
            if not taken & set(range(at, at + length))]
    best = min(runs, key=lambda run: (len(neighbourhood(digests, run) - taken), -run.start))
    return best, neighbourhood(digests, best)


def without_copies(indices: list[int], digests: list[str]) -> list[int]:
    first = {digests[i]: i for i in reversed(indices)}
    return [i for i in indices if first[digests[i]] == i]


def animal_parts(root: Path) -> Parts:
    folder = root / "animal_sounds"
    by_label = defaultdict(list)
    for row in read_table(folder / "labels.tsv"):
        number = int(re.search(r"(\d+)\.wav$", row["source_path"], re.IGNORECASE)[1])
        by_label[row["label"]].append((number, row["audio"]))
    parts = Parts()
    for label, clips in sorted(by_label.items()):
        names = [name for _, name in sorted(clips)]
        digests = [ogg_digest(folder / "audio" / name) for name in names]
        test, no_train = cheapest_run(digests, ANIMAL_TEST_SHARE, set())
        dev, no_train_dev = cheapest_run(digests, ANIMAL_DEV_SHARE, no_train)
        train = [i for i in range(len(names)) if i not in no_train]
        indices = {"test": list(test), "dev": list(dev), "train": train,
                   "train_dev": [i for i in train if i not in no_train_dev]}
        for part, chosen in indices.items():
            getattr(parts, part).extend(
                {"audio": f"animal_sounds/audio/{names[i]}", "label": SOUND_OF_LABEL[label]}
                for i in without_copies(chosen, digests))
    return parts


def read_sounds(root: Path) -> dict[str, Parts]:
    """Set -> its parts; files relative to `root`, labels are classes of class_sentences.SOUNDS."""
    return freesound_parts(root) | {"animal_sounds": animal_parts(root)}
