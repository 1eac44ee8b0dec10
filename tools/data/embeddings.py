"""Embeddings by the program, and tensors of GGUF files. Needs numpy and gguf (PyPI)."""
import subprocess
import tempfile
from pathlib import Path

import gguf
import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def embed(pandagpt: Path, encoders: Path, root: Path, inputs: list[str]) -> np.ndarray:
    """(inputs, width); `inputs` are lines of a list for `pandagpt embed`, relative to `root`. What has
    been embedded before comes from the program's cache."""
    with tempfile.TemporaryDirectory() as folder:
        listed, out = Path(folder) / "list.txt", Path(folder) / "out.npy"
        listed.write_text("".join(f"{line}\n" for line in inputs), encoding="utf-8")
        subprocess.run([pandagpt, "embed", "--manifest", listed, "--root", root, "-m", encoders,
                        "-o", out], check=True)
        return np.load(out).astype(np.float64)


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
