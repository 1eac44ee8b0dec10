#!/usr/bin/env python3
"""An Embedder as a model of MTEB, the Massive (Text, Image, Audio) Embedding Benchmark.

    pip install mteb
    python mteb_model.py CIFAR10ZeroShot --model encoders.gguf

Runs tasks of MTEB by name and prints their main scores. Tasks with texts need a model with a text tower (ImageBind has
one, panda-mini has none).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

import pandagpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

# MTEB's columns of a batch, and what they are here. A film comes as frames without their rate, and is left out.
COLUMNS = {"image": "image", "audio": "audio"}


class PandaModel:
    """mteb.models.EncoderProtocol: similar inputs have similar directions, of whatever kind they are."""

    def __init__(self, model_name: str = "panda-mini", revision: str | None = None, *, device: str | None = None,
                 **kwargs: Any):
        self.embedder = pandagpt.Embedder(model_name, device=device or "cpu", **kwargs)
        self.revision = revision or self.embedder.fingerprint

    def encode(self, inputs: Iterable[Mapping[str, Sequence[Any]]], **kwargs: Any) -> NDArray[np.float32]:
        """(rows, width), each of length 1. `inputs`: batches, each with a list of the same length for every column. A
        row of several columns (a picture with its text) is the sum of their directions. `kwargs`, what MTEB tells of
        the task, changes nothing."""
        rows = [self._encode_batch(batch) for batch in inputs]
        return np.concatenate(rows) if rows else np.zeros((0, self.embedder.width), np.float32)

    def _encode_batch(self, batch: Mapping[str, Sequence[Any]]) -> NDArray[np.float32]:
        parts = [self.embedder.embed(**{kind: list(batch[column])}, normalize=True)
                 for column, kind in COLUMNS.items() if column in batch]
        if "text" in batch:
            parts.append(self.embedder.embed_texts(batch["text"], normalize=True))
        if not parts:
            raise ValueError(f"a batch of {', '.join(batch)}: this model takes {', '.join(self._columns())}")
        total = np.sum(parts, axis=0)
        return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    def _columns(self) -> list[str]:
        columns = [column for column, kind in COLUMNS.items() if kind in self.embedder.modalities]
        return [*columns, "text"] if self.embedder.takes_text else columns

    def similarity(self, embeddings1: NDArray[np.float32], embeddings2: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows of 1, rows of 2): cosines."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(self, embeddings1: NDArray[np.float32],
                            embeddings2: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows): cosines of each row of 1 with the same row of 2."""
        return np.sum(_unit(embeddings1) * _unit(embeddings2), axis=1)

    @cached_property
    def mteb_model_meta(self) -> Any:
        from mteb.models.model_meta import ModelMeta, ScoringFunction

        return ModelMeta(
            loader=None, name=f"pandagpt/{self.embedder.name}", revision=self.revision, release_date=None,
            languages=["eng-Latn"], n_parameters=None, memory_usage_mb=None, max_tokens=77,
            embed_dim=self.embedder.width, license=None, open_weights=True, public_training_code=None,
            public_training_data=None, framework=[], similarity_fn_name=ScoringFunction.COSINE,
            use_instructions=False, training_datasets=None, modalities=self._columns())


def _unit(rows: Any) -> NDArray[np.float32]:
    rows = np.atleast_2d(np.asarray(rows, dtype=np.float32))
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+", help="names of MTEB's tasks")
    parser.add_argument("--model", default="panda-mini", help="model folder, its name, or an encoders file")
    arguments = parser.parse_args()
    import mteb

    result = mteb.evaluate(PandaModel(arguments.model), mteb.get_tasks(tasks=arguments.tasks))
    for task in result:
        print(task.task_name, task.get_score())


if __name__ == "__main__":
    main()
