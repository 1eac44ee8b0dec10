#!/usr/bin/env python3
"""When a model says "I am not sure": familiarity.gguf, the thresholds, and what they are worth.

    tools/train/unsure.py --root DATA --build BUILD --model FOLDER [--strange FOLDER]

DATA is prepared by tools/data (docs/panda-mini-data.md) and has coco500 besides. BUILD is a build folder
with the targets pandagpt_cli and input_statistics. Two measures are fitted: for each sense a direction of the joint
space between training inputs and strange ones made by rules (strange_files.py; ridge regression), and for MIXTURES
a mixture of Gaussians of the training inputs' statistics. No test input is used for them. The thresholds lose
at most LOST of one half of the test inputs that the lexicon names rightly. What is measured: the share lost of the other
half, and the share caught of strange inputs: of kinds that were fitted (other examples of them), of kinds that were left
out of the fit with all that are like them, and of speech and music, which never are fitted. FOLDER gets
familiarity.gguf, its panda.json the thresholds; the tables go to standard output. Some minutes on two cores. Needs numpy,
Pillow and gguf (PyPI), for speech and music espeak-ng, fluidsynth and timgm6mb-soundfont (Debian).
"""
import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
import strange_files
import strange_inputs as strange
from mixture import Mixture, fit_mixture

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "data"))

from embeddings import SENSOR_OPTIONS, Tensors, embed, unit  # noqa: E402

RIDGE = 0.1      # of the mean variance
LOST = 0.01      # of right answers, where the thresholds are chosen, by both measures together
# Of the way from there to strange inputs, where these are far away; of depth more, since the data have one camera.
MARGIN = {"image": 0.1, "audio": 0.1, "imu": 0.1, "thermal": 0.1, "depth": 0.15}
LENGTH = 27.0    # of the embeddings that are fitted: each number is then about 1
GAUSSIANS = 8
MIXTURES = ("audio", "imu", "thermal")  # of depth maps and pictures the direction does well alone
SLACK = 4.0      # of a mixture's log density, below what its threshold would be: other devices than the data's
# Lists, and which of their lines: 3 takes every third. Several hundred are enough for a direction; the
# mixtures take all.
TRAIN = {"audio": {"sounds_train.jsonl": 3}, "depth": {"utd_mhad/actions_depth_train.jsonl": 5},
         "thermal": {"thermal_hituav/crops_train.jsonl": 4, "thermal_hituav/frames_train.jsonl": 3,
                     "thermal_roadscene/pairs_train.jsonl": 1},
         "imu": {"utd_mhad/actions_imu_train.jsonl": 1, "sp_sw_har/actions_imu_train.jsonl": 4},
         "image": {"imagenet1k_sample/objects_train.jsonl": 4}}
TEST = {"audio": {f"{name}/test.jsonl": 1 for name in ("esc10", "urbansound8k_subset", "animal_sounds")},
        "depth": {"utd_mhad/actions_depth_test.jsonl": 5},
        "thermal": {"thermal_hituav/crops_test.jsonl": 1, "thermal_hituav/frames_test.jsonl": 1,
                    "thermal_roadscene/pairs_test.jsonl": 1},
        "imu": {"utd_mhad/actions_imu_test.jsonl": 1, "sp_sw_har/actions_imu_test.jsonl": 1},
        "image": {"imagenet1k_sample/objects_test.jsonl": 1}}
IMU_SENSOR = {"imu_rate_hz": strange.IMU_RATE, "acceleration_unit": "m/s2", "rotation_unit": "rad/s"}


@dataclasses.dataclass
class Rows:
    embeddings: np.ndarray  # (n, width)
    statistics: np.ndarray  # (n, S)

    def __getitem__(self, which) -> "Rows":
        return Rows(self.embeddings[which], self.statistics[which])

    def __len__(self) -> int:
        return len(self.embeddings)

    def joined(self, other: "Rows") -> "Rows":
        return Rows(np.concatenate([self.embeddings, other.embeddings]),
                    np.concatenate([self.statistics, other.statistics]))

    def of_one_length(self) -> "Rows":
        return Rows(unit(self.embeddings) * LENGTH, self.statistics)


class Sense(NamedTuple):
    train: Rows                   # embeddings of length LENGTH, here and below
    train_statistics: np.ndarray  # of all training inputs
    right: Rows                   # test inputs that are named rightly
    strange: Rows
    kinds: np.ndarray             # of `strange`
    judged: Rows                  # strange inputs that are never fitted
    judged_kinds: np.ndarray
    margin: float


# --- Reading -----------------------------------------------------------------------------------

class Reader:
    def __init__(self, args: argparse.Namespace):
        self._args = args
        self._encoders = args.model / "encoders.gguf"
        projector = Tensors(args.model / "projector.gguf")
        self._keys = projector["lexicon.keys.weight"]
        self._bias = projector["lexicon.keys.bias"].ravel()
        field = gguf.GGUFReader(args.model / "projector.gguf").fields["pandagpt.lexicon.names"]
        self._names = np.array([bytes(field.parts[i]).decode() for i in field.data])

    def _statistics(self, inputs: list[str], sensor: dict) -> np.ndarray:
        """(inputs, S); a row of NaN for what has none."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
            listed.write("".join(f"{line}\n" for line in inputs))
            listed.flush()
            out = subprocess.run([self._args.build / "bench" / "input_statistics", self._encoders, listed.name, "/",
                                  *map(str, sensor.values())], check=True, text=True, stdout=subprocess.PIPE).stdout
        rows = [json.loads(line) for line in out.splitlines()]
        width = max((len(row) for row in rows if row), default=0)
        return np.array([row or [np.nan] * width for row in rows])

    def _rows(self, sense: str, paths: list[Path], sensor: dict) -> tuple[Rows, np.ndarray]:
        """Of those that can be read, and which these are: the others are refused, which is better still."""
        inputs = [json.dumps({sense: str(path)}) for path in paths]
        options = [text for key, value in sensor.items() for text in (SENSOR_OPTIONS[key], str(value))]
        embeddings = embed(self._args.build / "src" / "cli" / "pandagpt", self._encoders, Path("/"), inputs, *options)
        statistics = np.zeros((len(paths), 0)) if sense not in MIXTURES else self._statistics(inputs, sensor)
        read = np.isfinite(embeddings[:, 0]) & np.isfinite(statistics).all(1)
        return Rows(embeddings[read], statistics[read]), read

    def _lines(self, name: str, step: int = 1) -> list[dict]:
        return [json.loads(line) for line in
                (self._args.root / name).read_text(encoding="utf-8").splitlines()[::step]]

    def _listed(self, sense: str, lists: dict[str, int]) -> tuple[Rows, np.ndarray]:
        """With labels; "" where a list has none."""
        every, labels = [], []
        for name, step in lists.items():
            lines = self._lines(name, step)
            rows, read = self._rows(sense, [(self._args.root / name).parent / line[sense] for line in lines],
                                    sensor_of(lines[0]))
            every.append(rows)
            labels += [line.get("label", "") for line, is_read in zip(lines, read) if is_read]
        return Rows(np.concatenate([one.embeddings for one in every]),
                    np.concatenate([one.statistics for one in every])), np.array(labels)

    def _listed_statistics(self, sense: str, lists: dict[str, int]) -> np.ndarray:
        if sense not in MIXTURES:
            return np.zeros((0, 0))
        every = []
        for name in lists:
            lines = self._lines(name)
            paths = [(self._args.root / name).parent / line[sense] for line in lines]
            every.append(self._statistics([json.dumps({sense: str(path)}) for path in paths], sensor_of(lines[0])))
        rows = np.concatenate(every)
        return rows[np.isfinite(rows).all(1)]

    def _photos(self) -> list[Path]:
        return sorted((self._args.root / "coco500" / "images").glob("*.jpg"))

    def _strange_files(self, sense: str) -> strange_files.Files:
        folder, photos = self._args.strange / sense, self._photos()
        if sense == "image":
            return strange_files.picture_files(folder, photos)
        if sense == "audio":
            return strange_files.sound_files(folder, photos)
        if sense == "imu":
            recordings = [self._args.root / "sp_sw_har" / line["imu"] for line in self._lines(list(TEST["imu"])[1])]
            return strange_files.motion_files(folder, recordings, photos)
        return strange_files.map_files(folder, sense, photos[strange_files.EACH:])

    def _files(self, sense: str, files: strange_files.Files) -> tuple[Rows, np.ndarray]:
        rows, read = self._rows(sense, [path.resolve() for _, path in files], IMU_SENSOR if sense == "imu" else {})
        return rows, np.array([kind for kind, _ in files])[read]

    def _other_photos(self) -> tuple[Rows, Rows]:
        """Of anything: training ones, and test ones, each of which it may speak about."""
        root = self._args.root
        training = sorted({root / "flickr8k" / line["image"] for line in self._lines("flickr8k/captions_train.jsonl")})
        flickr = [root / line["image_name"] for line in
                  json.loads((root / "eval" / "captions_test.json").read_text(encoding="utf-8"))]
        test = flickr[::4] + self._photos()[2 * strange_files.EACH::2]
        return self._rows("image", training[::18], {})[0], self._rows("image", test, {})[0]

    def read(self, sense: str) -> Sense:
        train, _ = self._listed(sense, TRAIN[sense])
        test, labels = self._listed(sense, TEST[sense])
        named = self._names[(test.embeddings @ self._keys.T + self._bias).argmax(1)]
        right = test[(named == labels) | (labels == "")]
        if sense == "image":
            more_train, more_right = self._other_photos()
            train, right = train.joined(more_train), right.joined(more_right)
        made, kinds = self._files(sense, self._strange_files(sense))
        judged, judged_kinds = made[:0], kinds[:0]
        others = strange_files.judged_sound_files(self._args.strange / sense) if sense == "audio" else []
        if others:
            judged, judged_kinds = self._files(sense, others)
        return Sense(train.of_one_length(), self._listed_statistics(sense, TRAIN[sense]), right.of_one_length(),
                     made.of_one_length(), kinds, judged.of_one_length(), judged_kinds, MARGIN[sense])


def sensor_of(line: dict) -> dict:
    return {key: line[key] for key in SENSOR_OPTIONS if key in line}


# --- Fit and measure ---------------------------------------------------------------------------

def fit_direction(train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, float]:
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


class Judge:
    """Both measures; what scores below 0 is strange."""

    def __init__(self, sense: Sense, fitted: np.ndarray, mixture: Mixture | None):
        self.mixture = mixture
        self.weight, self.offset = fit_direction(sense.train.embeddings, sense.strange.embeddings[fitted])
        chosen, lost = sense.right[::2], LOST / (1 if mixture is None else 2)
        limit = np.quantile(self._along(chosen), lost)
        edge = np.quantile(self._along(sense.strange[fitted]), 0.95)
        self.threshold = float(min(limit, (1 - sense.margin) * limit + sense.margin * edge))
        self.least_density = None if mixture is None else \
            float(np.quantile(mixture.log_density(chosen.statistics), lost)) - SLACK

    def _along(self, rows: Rows) -> np.ndarray:
        return rows.embeddings @ self.weight + self.offset

    def finds(self, rows: Rows) -> np.ndarray:
        strange_ones = self._along(rows) < self.threshold
        if self.mixture is None or not len(rows):
            return strange_ones
        return strange_ones | (self.mixture.log_density(rows.statistics) < self.least_density)

    def by_statistics(self, rows: Rows) -> float | None:
        return None if self.mixture is None else \
            float(np.mean(self.mixture.log_density(rows.statistics) < self.least_density))

    def by_direction(self, rows: Rows) -> float:
        return float(np.mean(self._along(rows) < self.threshold))


def measure(sense: Sense) -> tuple[Judge, dict]:
    fitted = np.arange(len(sense.strange)) % 2 == 0
    mixture = fit_mixture(sense.train_statistics, GAUSSIANS) if sense.train_statistics.size else None
    judge = Judge(sense, fitted, mixture)
    kinds = list(dict.fromkeys(sense.kinds))
    caught = np.zeros(len(sense.strange), bool)
    along = np.zeros(len(sense.strange))
    for kind in kinds:
        own = sense.kinds == kind
        without = Judge(sense, fitted & ~np.isin(sense.kinds, strange_files.family_of(kind)), mixture)
        caught[own] = without.finds(sense.strange[own])
        along[own] = without.by_direction(sense.strange[own])
    right, tested = sense.right[1::2], sense.strange[~fitted]
    return judge, {
        "n_right": len(right), "lost": float(np.mean(judge.finds(right))),
        "n_strange": len(tested), "caught": float(np.mean(judge.finds(tested))),
        "n_unseen": len(caught), "caught_unseen": float(caught.mean()), "along": float(along.mean()),
        "by_statistics": judge.by_statistics(sense.strange),
        "by_kind": {kind: float(caught[sense.kinds == kind].mean()) for kind in kinds},
        "judged": {kind: float(judge.finds(sense.judged[sense.judged_kinds == kind]).mean())
                   for kind in dict.fromkeys(sense.judged_kinds)}}


# --- Writing -----------------------------------------------------------------------------------

def add_tensors(writer: gguf.GGUFWriter, sense: str, judge: Judge) -> None:
    """A mixture's log weights are moved so that one threshold holds for both measures."""
    name = f"familiarity.{sense}"
    writer.add_tensor(f"{name}.weight", (judge.weight * LENGTH).astype(np.float32))
    writer.add_tensor(f"{name}.bias", np.array([judge.offset], np.float32))
    if judge.mixture is None:
        return
    mean, whitening, log_weight = judge.mixture
    writer.add_tensor(f"{name}.mean", mean.astype(np.float32))
    writer.add_tensor(f"{name}.whitening", whitening.astype(np.float32))
    writer.add_tensor(f"{name}.log_weight",
                      (log_weight - judge.least_density + judge.threshold).astype(np.float32))


def table_row(sense: str, found: dict) -> str:
    by_statistics = "" if found["by_statistics"] is None else f"{found['by_statistics']:.2f}"
    return (f"| {sense} | {found['lost']:.3f} | {found['n_right']} | {found['caught']:.2f} | {found['n_strange']} "
            f"| {found['caught_unseen']:.2f} | {found['n_unseen']} | {found['along']:.2f} | {by_statistics} | "
            + ", ".join(f"{kind} {share:.2f}" for kind, share in found["by_kind"].items() if share < 0.8) + " |")


HEADER = """| Sense | Right answers lost | n | Strange caught, kinds that were fitted | n | kinds left out | n | left out, by the \
direction alone | by the statistics alone | Kinds left out that are caught less often than 0.80 |
|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="DATA")
    parser.add_argument("--build", type=Path, required=True, help="build folder, e.g. build/release")
    parser.add_argument("--model", type=Path, required=True, help="model folder with a lexicon")
    parser.add_argument("--strange", type=Path, default=Path("strange"),
                        help="folder for the strange inputs")
    args = parser.parse_args()
    args.root, args.strange, args.build = args.root.resolve(), args.strange.resolve(), args.build.resolve()
    reader = Reader(args)
    writer = gguf.GGUFWriter(args.model / "familiarity.gguf", "pandagpt-familiarity")
    thresholds, table, judged = {}, [], []
    for sense in ("image", "audio", "imu", "thermal", "depth"):
        judge, found = measure(reader.read(sense))
        add_tensors(writer, sense, judge)
        thresholds[sense] = round(judge.threshold, 3)
        table.append(table_row(sense, found))
        judged += [f"{kind} {share:.2f}" for kind, share in found["judged"].items()]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    manifest = json.loads((args.model / "panda.json").read_text(encoding="utf-8"))
    manifest["files"]["familiarity"] = {"path": "familiarity.gguf", "sha256": ""}
    manifest["unsure"] = thresholds
    (args.model / "panda.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n",
                                           encoding="utf-8")
    print(HEADER, *table, sep="\n")
    print("Sounds that are never fitted:", ", ".join(judged))
    print(f"then: pandagpt models hash {args.model}")


if __name__ == "__main__":
    main()
