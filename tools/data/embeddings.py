"""Embeddings by the program, and tensors of GGUF files. Needs numpy and gguf (PyPI)."""
import json
import subprocess
import tempfile
from pathlib import Path

import gguf
import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


# What the program has to be told about a list's sensors, by the keys of its lines.
SENSOR_OPTIONS = {"imu_rate_hz": "--imu-rate", "acceleration_unit": "--imu-accel-unit",
                  "rotation_unit": "--imu-gyro-unit", "depth_encoding": "--depth-encoding"}
SENSES = ("image", "audio", "imu", "depth", "thermal")


def embed(pandagpt: Path, encoders: Path, root: Path, inputs: list[str], *options: str) -> np.ndarray:
    """(inputs, width); `inputs` are lines of a list for `pandagpt embed`, relative to `root`. What has
    been embedded before comes from the program's cache. NaN for those that can't be read."""
    with tempfile.TemporaryDirectory() as folder:
        listed, out = Path(folder) / "list.txt", Path(folder) / "out.npy"
        listed.write_text("".join(f"{line}\n" for line in inputs), encoding="utf-8")
        subprocess.run([pandagpt, "embed", "--manifest", listed, "--root", root, "-m", encoders,
                        "-o", out, *options], check=True)
        index = out.with_name(out.name + ".index.jsonl").read_text(encoding="utf-8").splitlines()
        read = [line["line"] - 1 for line in map(json.loads, index[1:]) if "error" not in line]
        rows = np.load(out).astype(np.float64)
        embeddings = np.full((len(inputs), rows.shape[1]), np.nan)
        embeddings[read] = rows
        return embeddings


def embed_labelled(pandagpt: Path, encoders: Path, path: Path,
                   step: int = 1) -> tuple[np.ndarray, list[str]]:
    """Embeddings and labels of every `step`th line of a list {"audio": .., "label": ..}, all of one
    sensor; what can't be read is left out."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[::step]]
    options = [text for key, option in SENSOR_OPTIONS.items() if key in lines[0]
               for text in (option, str(lines[0][key]))]
    inputs = [json.dumps({sense: line[sense] for sense in SENSES if sense in line}) for line in lines]
    embeddings = embed(pandagpt, encoders, path.parent, inputs, *options)
    read = np.isfinite(embeddings[:, 0])
    return embeddings[read], [line["label"] for line, is_read in zip(lines, read) if is_read]


class Tensors:
    """The tensors and metadata of a GGUF file."""

    def __init__(self, path: Path):
        self._reader = gguf.GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}

    def __getitem__(self, name: str) -> np.ndarray:
        """Dequantised."""
        tensor = self._tensors[name]
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)

    def value(self, key: str):
        return self._reader.fields[key].contents()
