"""Search in an index of media files, as `pandagpt search` makes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _core
from ._embedder import Embedder
from ._errors import UsageError
from ._inputs import Input, core_inputs
from ._options import DEFAULT_MODEL

if TYPE_CHECKING:
    from ._inputs import Modality, Sources

_MAX_HITS = 10_000


@dataclass(frozen=True)
class SearchHit:
    """A file that was found."""

    score: float  #: cosine; those of different kinds can't be compared
    path: str
    same: tuple[str, ...]  #: other files of the same content
    sha256: str
    media: Mapping[str, Any]  #: width, height, seconds, .. as far as they are known


@dataclass(frozen=True)
class SearchGroup:
    """What was found of one kind."""

    kind: str
    n_indexed: int  #: different contents of the kind
    is_exact: bool  #: every one was compared
    hits: tuple[SearchHit, ...]


@dataclass(frozen=True)
class IndexReport:
    """What became of the files of a folder."""

    found: int
    unchanged: int
    embedded: int
    known_content: int  #: new files of a content that was known
    removed: int
    failures: tuple[tuple[str, str], ...]  #: path, and what is wrong with it


class SearchIndex:
    """An index of media files in the folder `database`; `pandagpt search index` and `update()` fill it.

    `embedder` is the index's own model unless it is given; for an index that isn't there yet, panda-mini. Threads may
    share it. Raises InputError if the index is damaged, UsageError where the package was built without FAISS."""

    def __init__(self, database: str | os.PathLike[str], embedder: Embedder | None = None):
        if not hasattr(_core, "Index"):
            raise UsageError("this package was built without FAISS, hence without search; install libfaiss-dev and "
                             "build it again")
        self._database = os.fsencode(database)
        self._index = _core.Index(self._database, "") if _core.has_index(self._database) else None
        if embedder is None:
            embedder = Embedder(self._index.model if self._index is not None else DEFAULT_MODEL)
        self.embedder = embedder

    def update(self, folder: str | os.PathLike[str], *, kinds: Mapping[str, Modality] | None = None,
               exclude: Sequence[str] = (), rebuild: bool = False) -> IndexReport:
        """Brings the index up to date with a folder and all below it: whatever is missing or has changed is embedded.

        `kinds`: {"*_ir.png": "thermal"}, files that fit a pattern are of that kind; `exclude`: patterns of what is left
        out; `rebuild`: forget what is there. Raises InputError if nothing there can be indexed, ModelError if the index
        is of another model, UsageError while another process is at it."""
        rules = [f"{kind}:{pattern}" for pattern, kind in (kinds or {}).items()]
        report = _core.update_index(self.embedder._core, self.embedder._model, os.fsencode(folder), self._database,
                                    rules, list(exclude), rebuild)
        self._index = _core.Index(self._database, "")
        return IndexReport(**{**report, "failures": tuple(report["failures"])})

    def search(self, text: str | Sequence[str] | None = None, *, inputs: Input | Iterable[Input] | None = None,
               image: Sources = None, video: Sources = None, audio: Sources = None, thermal: Sources = None,
               depth: Sources = None, imu: Sources = None, k: int = 10,
               kinds: Sequence[Modality] | None = None) -> list[SearchGroup]:
        """The `k` files of each kind that are nearest to all of it together: texts and inputs.

        Raises UsageError if nothing is looked for, ModelError if the index is of another model."""
        if self._index is None:
            raise UsageError(f"{os.fsdecode(self._database)}: there is no index yet; update() makes it")
        if not 1 <= k <= _MAX_HITS:
            raise UsageError(f"k is from 1 to {_MAX_HITS}, not {k}")
        texts = [] if text is None else [text] if isinstance(text, str) else list(text)
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu})
        if not texts and len(core) == 0:
            raise UsageError("nothing is looked for; give a text, image=.., or another input")
        groups = self._index.search(self.embedder._core, self.embedder._model, [(one, 1.0) for one in texts], core, k)
        return [_group_of(*group) for group in groups if kinds is None or group[0] in kinds]


def _group_of(kind: str, n_indexed: int, is_exact: bool, hits: Iterable[tuple[Any, ...]]) -> SearchGroup:
    return SearchGroup(kind, n_indexed, is_exact,
                       tuple(SearchHit(score, paths[0], tuple(paths[1:]), sha256, media)
                             for score, paths, sha256, media in hits))
