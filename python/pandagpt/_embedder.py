"""Embeddings, and labels for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Union

import numpy as np

from . import _core
from ._errors import PandaError, UsageError
from ._inputs import Input, core_inputs
from ._options import DEFAULT_MODEL, model_name, set_options

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import TypeAlias

    from ._inputs import Sources

    Templates: TypeAlias = Union[str, Sequence[str], None]


class LabelScore(NamedTuple):
    """How well a label fits an input."""

    label: str
    probability: float  #: softmax over all labels
    logit: float  #: scalar product of the embeddings


class Embedder:
    """The encoders of a model folder, without its language model. Threads may share it.

    `model` is a folder, the name of one that `list_models()` finds, or an encoders file (*.gguf). Raises
    ModelNotFoundError, ModelError, and UsageError for an unknown device.

    - `device`: "cpu", "auto" (a GPU where there is one), or its name
    - `n_threads`: 0 is one a physical core
    - `max_batch`: pictures or texts that are computed in one go
    - `use_cache`, `cache_file`: embeddings are kept in memory, and in that SQLite file
    """

    def __init__(self, model: str | os.PathLike[str] = DEFAULT_MODEL, *, device: str | None = None,
                 n_threads: int | None = None, max_batch: int | None = None, use_cache: bool | None = None,
                 cache_file: str | os.PathLike[str] | None = None):
        options = set_options(_core.EmbedderOptions(), {
            "device": device, "n_threads": n_threads, "max_batch": max_batch, "use_cache": use_cache,
            "cache_file": None if cache_file is None else os.fspath(cache_file)})
        self._model = model_name(model)
        self._core = _core.Embedder(self._model, options)

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def width(self) -> int:
        """Numbers of an embedding."""
        return self._core.width

    @property
    def modalities(self) -> tuple[str, ...]:
        """The kinds of input that it takes, beside texts."""
        return tuple(self._core.modalities)

    @property
    def takes_text(self) -> bool:
        return self._core.takes_text

    @property
    def fingerprint(self) -> str:
        """Changes with the weights, and with all that is done to an input before them."""
        return self._core.fingerprint

    def embed(self, inputs: Input | Iterable[Input] | None = None, *, image: Sources = None, video: Sources = None,
              audio: Sources = None, thermal: Sources = None, depth: Sources = None, imu: Sources = None,
              normalize: bool = False) -> NDArray[np.float32]:
        """(inputs, width): `inputs`, then those of each kind in the order of the arguments.

        The length of a row is its kind's factor (docs/modalities.md), or 1 with `normalize`. Similar things lie in
        similar directions. Raises InputError for the first input that can't be read, ModelError for one that the model
        doesn't take."""
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu})
        return _scaled(self._core.embed(core), normalize)

    def embed_each(self, inputs: Input | Iterable[Input] | None = None, *, image: Sources = None,
                   video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
                   imu: Sources = None) -> list[NDArray[np.float32] | PandaError]:
        """The same for each input by itself: a row (width), or why there is none. A file that isn't there, and an
        array of a wrong shape, are raised as by embed()."""
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu})
        return self._core.embed_each(core)

    def embed_texts(self, texts: str | Sequence[str], *, normalize: bool = False) -> NDArray[np.float32]:
        """(texts, width). Raises ModelError if the model takes no text, InputError for a text of more than 64 KiB."""
        return _scaled(self._core.embed_texts([texts] if isinstance(texts, str) else list(texts)), normalize)

    def combine(self, inputs: Input | Iterable[Input] | None = None, *, image: Sources = None,
                video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
                imu: Sources = None) -> NDArray[np.float32]:
        """(width), of length 1: the sum of the inputs' directions, each times its weight."""
        return self._core.combine(core_inputs(inputs, {"image": image, "video": video, "audio": audio,
                                                       "thermal": thermal, "depth": depth, "imu": imu}))

    def classifier(self, labels: Sequence[str], templates: Templates = None) -> Classifier:
        """Labels that are embedded once, for any number of inputs. `templates`: texts with {} for the label, whose
        mean direction counts; "clip": CLIP's 80; none: the label itself."""
        return Classifier(self, labels, templates)

    def classify(self, labels: Sequence[str], *, templates: Templates = None,
                 inputs: Input | Iterable[Input] | None = None, image: Sources = None, video: Sources = None,
                 audio: Sources = None, thermal: Sources = None, depth: Sources = None, imu: Sources = None,
                 top_k: int | None = None) -> list[list[LabelScore]]:
        """Which of the labels fits: for each input all labels (`top_k`: so many), the likeliest first."""
        return self.classifier(labels, templates).classify(inputs=inputs, image=image, video=video, audio=audio,
                                                           thermal=thermal, depth=depth, imu=imu, top_k=top_k)


class Classifier:
    """Zero-shot classification: the nearest label wins. `Embedder.classifier()` makes it."""

    def __init__(self, embedder: Embedder, labels: Sequence[str], templates: Templates = None):
        if isinstance(labels, str):
            raise UsageError("labels are a list of texts, not one text")
        self._embedder = embedder
        self.labels: list[str] = [label.strip() for label in labels]
        self._core = _core.LabelSet(embedder._core, self.labels, _listed_templates(templates))

    def scores(self, embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits and probabilities, both (rows, labels), of (rows, width) as Embedder.embed() gives them."""
        rows = np.ascontiguousarray(embeddings, dtype=np.float32)
        if rows.ndim != 2:
            raise UsageError(f"embeddings are (rows, {self._embedder.width}), not {rows.shape}")
        return self._core.classify(rows)

    def classify(self, inputs: Input | Iterable[Input] | None = None, *, image: Sources = None,
                 video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
                 imu: Sources = None, top_k: int | None = None) -> list[list[LabelScore]]:
        """As Embedder.classify()."""
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k is at least 1, not {top_k}")
        rows = self._embedder.embed(inputs=inputs, image=image, video=video, audio=audio, thermal=thermal,
                                    depth=depth, imu=imu)
        logits, probabilities = self.scores(rows)
        order = np.argsort(-logits, axis=1, kind="stable")[:, :top_k]
        return [[LabelScore(self.labels[i], float(probabilities[row, i]), float(logits[row, i])) for i in best]
                for row, best in enumerate(order)]


def _listed_templates(templates: Templates | Literal["clip"]) -> list[str]:
    if templates is None:
        return []
    if isinstance(templates, str):
        return _core.clip_templates() if templates == "clip" else [templates]
    return list(templates)


def _scaled(rows: NDArray[np.float32], normalize: bool) -> NDArray[np.float32]:
    if normalize:
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        rows = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return rows
