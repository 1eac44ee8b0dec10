#!/usr/bin/env python3
"""When a model says "I am not sure": familiarity.gguf, the thresholds, and what they are worth.

    tools/train/unsure.py --root DATA --pandagpt PANDAGPT --model FOLDER [--strange FOLDER]

DATA is prepared by tools/data (docs/panda-mini-data.md) and has coco500 besides. For each sense a
direction of the joint space is fitted (ridge regression) between training inputs and strange ones
made by rules (strange_inputs.py); no test input is used for it. The threshold loses at most 1 % of
one half of the test inputs that the lexicon names rightly. What is measured: the share lost of the other
half, and the share caught of strange inputs, of kinds that were fitted (other examples of them) and
of kinds left out of the fit. FOLDER gets familiarity.gguf, its panda.json the thresholds; the
table goes to standard output. Needs numpy, Pillow and gguf (PyPI).
"""
import argparse
import json
import sys
import zlib
from pathlib import Path
from typing import Callable, NamedTuple

import gguf
import numpy as np
import strange_inputs as strange
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "data"))

from embeddings import Tensors, embed, embed_labelled, unit  # noqa: E402

EACH = 24      # strange inputs of a kind; every other one is for the test
RIDGE = 0.1    # of the mean variance
LOST = 0.01    # of right answers, where the threshold is chosen
MARGIN = 0.1   # of the way from there to strange inputs, where these are far away
LENGTH = 27.0  # of the embeddings that are fitted: each number is then about 1
# Lists, and which of their lines: 3 takes every third. Several hundred are enough.
TRAIN = {"audio": {"sounds_train.jsonl": 3}, "depth": {"utd_mhad/actions_depth_train.jsonl": 5},
         "thermal": {"thermal_hituav/crops_train.jsonl": 4},
         "imu": {"utd_mhad/actions_imu_train.jsonl": 1, "sp_sw_har/actions_imu_train.jsonl": 4},
         "image": {"imagenet1k_sample/objects_train.jsonl": 4}}
TEST = {"audio": {f"{name}/test.jsonl": 1 for name in ("esc10", "urbansound8k_subset", "animal_sounds")},
        "depth": {"utd_mhad/actions_depth_test.jsonl": 5},
        "thermal": {"thermal_hituav/crops_test.jsonl": 1},
        "imu": {"utd_mhad/actions_imu_test.jsonl": 1, "sp_sw_har/actions_imu_test.jsonl": 1},
        "image": {"imagenet1k_sample/objects_test.jsonl": 1}}
IMU_OPTIONS = ("--imu-rate", str(strange.IMU_RATE), "--imu-accel-unit", "m/s2", "--imu-gyro-unit",
               "rad/s")
MAP_KINDS = ("noise", "stripes", "squares", "gradient", "page", "scribble")


class Sense(NamedTuple):
    train: np.ndarray    # embeddings of training inputs
    right: np.ndarray    # of test inputs that are named rightly
    n_test: int
    strange: np.ndarray
    kinds: np.ndarray    # of `strange`


# --- Strange inputs ----------------------------------------------------------------------------

def random_of(*names: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(map(str, names)).encode()))


def picture_files(folder: Path, photos: list[Path]) -> list[tuple[str, Path]]:
    def write(kind: str, number: int, picture: np.ndarray) -> tuple[str, Path]:
        path = folder / kind / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path)
        return kind, path

    files = [write(kind, i, make(random_of("image", kind, i)))
             for kind, make in strange.PICTURES.items() for i in range(EACH)]
    return files + [write("shuffled", i, strange.shuffled(strange.read_picture(photos[i]),
                                                          random_of("shuffled", i)))
                    for i in range(EACH)]


def map_files(folder: Path, sense: str, photos: list[Path]) -> list[tuple[str, Path]]:
    """Grey pictures as thermal pictures, or as depths of 0.5 to 5 m."""
    files = []
    for kind in (*MAP_KINDS, "clouds", "photo"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i in range(EACH):
            random = random_of(sense, kind, i)
            if kind == "clouds":
                grey = strange.clouds(random)
            elif kind == "photo":
                grey = strange.read_picture(photos[i]).mean(2)
            else:
                grey = np.asarray(strange.PICTURES[kind](random)).mean(2)
            path = folder / kind / f"{i}.{'npy' if sense == 'depth' else 'png'}"
            if sense == "depth":
                np.save(path, (500 + 18 * grey).astype(np.uint16))
            else:
                Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(path)
            files.append((kind, path))
    return files


def sound_files(folder: Path) -> list[tuple[str, Path]]:
    files = []
    for kind, make in strange.SOUNDS.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i in range(EACH):
            files.append((kind, folder / kind / f"{i}.wav"))
            strange.write_sound(files[-1][1], make(random_of("audio", kind, i)))
    return files


def motion_files(folder: Path, root: Path) -> list[tuple[str, Path]]:
    """Made ones, and recordings of the test part that are none any more."""
    lines = (root / list(TEST["imu"])[1]).read_text(encoding="utf-8").splitlines()
    recordings = [root / "sp_sw_har" / json.loads(line)["imu"] for line in lines]
    makers: dict[str, Callable[[int], np.ndarray]] = {
        kind: lambda i, make=make, kind=kind: make(random_of("imu", kind, i))
        for kind, make in strange.MOTIONS.items()}
    for how in ("shuffled", "fourfold"):
        makers[how] = lambda i, how=how: strange.scrambled(
            np.load(recordings[i * len(recordings) // EACH]), random_of(how, i), how)
    files = []
    for kind, make in makers.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i in range(EACH):
            files.append((kind, folder / kind / f"{i}.npy"))
            np.save(files[-1][1], make(i).astype(np.float32))
    return files


# --- Embeddings --------------------------------------------------------------------------------

class Reader:
    def __init__(self, args: argparse.Namespace):
        self._args = args
        self._encoders = args.model / "encoders.gguf"
        projector = Tensors(args.model / "projector.gguf")
        self._keys = projector["lexicon.keys.weight"]
        self._bias = projector["lexicon.keys.bias"].ravel()
        field = gguf.GGUFReader(args.model / "projector.gguf").fields["pandagpt.lexicon.names"]
        self._names = np.array([bytes(field.parts[i]).decode() for i in field.data])

    def _listed(self, lists: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
        pairs = [embed_labelled(self._args.pandagpt, self._encoders, self._args.root / name, step)
                 for name, step in lists.items()]
        return np.concatenate([rows for rows, _ in pairs]), np.concatenate([labels for _, labels in pairs])

    def _files(self, sense: str, files: list[Path]) -> np.ndarray:
        options = IMU_OPTIONS if sense == "imu" else ()
        return embed(self._args.pandagpt, self._encoders, Path("/"),
                     [json.dumps({sense: str(path)}) for path in files], *options)

    def read(self, sense: str) -> Sense:
        root, folder = self._args.root, self._args.strange / sense
        photos = sorted((root / "coco500" / "images").glob("*.jpg"))
        train, _ = self._listed(TRAIN[sense])
        test, labels = self._listed(TEST[sense])
        right = test[self._names[(test @ self._keys.T + self._bias).argmax(1)] == labels]
        n_test = len(test)
        if sense == "image":  # photos of anything: each is one that it may speak about
            flickr = [root / line["image_name"] for line in
                      json.loads((root / "eval" / "captions_test.json").read_text(encoding="utf-8"))]
            training = [root / "flickr8k" / json.loads(line)["image"] for line in
                        (root / "flickr8k" / "captions_train.jsonl").read_text(encoding="utf-8").splitlines()]
            train = np.concatenate([train, self._files(sense, sorted(set(training))[::18])])
            more = self._files(sense, flickr[::4] + photos[2 * EACH::2])
            right, n_test = np.concatenate([right, more]), n_test + len(more)
        files = {"image": lambda: picture_files(folder, photos),
                 "audio": lambda: sound_files(folder),
                 "imu": lambda: motion_files(folder, root)}.get(
                     sense, lambda: map_files(folder, sense, photos[EACH:]))()
        rows = self._files(sense, [path.resolve() for _, path in files])
        kinds = np.array([kind for kind, _ in files])
        read = np.isfinite(rows[:, 0])  # the others are refused, which is better still
        return Sense(unit(train) * LENGTH, unit(right) * LENGTH, n_test, unit(rows[read]) * LENGTH,
                     kinds[read])


# --- Fit and measure ---------------------------------------------------------------------------

def fit(train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, float]:
    """Direction and offset: 1 for training inputs, -1 for the others, both counting the same."""
    rows = np.concatenate([train, others])
    wanted = np.repeat([1.0, -1.0], [len(train), len(others)])
    share = np.repeat([0.5 / len(train), 0.5 / len(others)], [len(train), len(others)])
    mean = share @ rows
    centred = rows - mean
    variance = (centred * share[:, None]).T @ centred
    variance += RIDGE * np.trace(variance) / len(variance) * np.eye(len(variance))
    weight = np.linalg.solve(variance, (centred * share[:, None]).T @ wanted)
    return weight, -float(mean @ weight)


def threshold_of(right: np.ndarray, others: np.ndarray, weight: np.ndarray, offset: float) -> float:
    limit = np.quantile(right[::2] @ weight + offset, LOST)
    edge = np.quantile(others @ weight + offset, 0.95)
    return float(min(limit, (1 - MARGIN) * limit + MARGIN * edge))


def measure(sense: Sense) -> tuple[np.ndarray, float, float, dict]:
    fitted = np.arange(len(sense.strange)) % 2 == 0
    weight, offset = fit(sense.train, sense.strange[fitted])
    threshold = threshold_of(sense.right, sense.strange[fitted], weight, offset)
    right, tested = sense.right[1::2], sense.strange[~fitted]
    unseen = []
    for kind in np.unique(sense.kinds):
        own = sense.kinds == kind
        one_weight, one_offset = fit(sense.train, sense.strange[fitted & ~own])
        limit = threshold_of(sense.right, sense.strange[fitted & ~own], one_weight, one_offset)
        unseen.append(sense.strange[own] @ one_weight + one_offset < limit)
    caught = np.concatenate(unseen)
    return weight, offset, threshold, {
        "n_right": len(right), "lost": float(np.mean(right @ weight + offset < threshold)),
        "n_strange": len(tested), "caught": float(np.mean(tested @ weight + offset < threshold)),
        "n_unseen": len(caught), "caught_unseen": float(caught.mean()),
        "by_kind": {str(kind): float(one.mean()) for kind, one in zip(np.unique(sense.kinds), unseen)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="DATA")
    parser.add_argument("--pandagpt", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a lexicon")
    parser.add_argument("--strange", type=Path, default=Path("strange"),
                        help="folder for the strange inputs")
    args = parser.parse_args()
    args.root, args.strange = args.root.resolve(), args.strange.resolve()
    args.pandagpt = args.pandagpt.resolve()
    reader = Reader(args)
    writer = gguf.GGUFWriter(args.model / "familiarity.gguf", "pandagpt-familiarity")
    thresholds, table = {}, []
    for sense in ("image", "audio", "imu", "thermal", "depth"):
        data = reader.read(sense)
        weight, offset, threshold, found = measure(data)
        writer.add_tensor(f"familiarity.{sense}.weight", (weight * LENGTH).astype(np.float32))
        writer.add_tensor(f"familiarity.{sense}.bias", np.array([offset], np.float32))
        thresholds[sense] = round(threshold, 3)
        table.append("| {} | {:.3f} | {} | {:.2f} | {} | {:.2f} | {} | {} |".format(
            sense, found["lost"], found["n_right"], found["caught"], found["n_strange"],
            found["caught_unseen"], found["n_unseen"],
            ", ".join(f"{kind} {share:.2f}" for kind, share in found["by_kind"].items()
                      if share < 0.8)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    manifest = json.loads((args.model / "panda.json").read_text(encoding="utf-8"))
    manifest["files"]["familiarity"] = {"path": "familiarity.gguf", "sha256": ""}
    manifest["unsure"] = thresholds
    (args.model / "panda.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n",
                                           encoding="utf-8")
    print("| Sense | Right answers lost | n | Strange caught, kinds that were fitted | n | kinds left out "
          "| n | Kinds left out that are caught less often than 0.80 |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(table))
    print(f"then: pandagpt models hash {args.model}")


if __name__ == "__main__":
    main()
