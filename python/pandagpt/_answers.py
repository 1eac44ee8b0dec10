"""Answers, and answers that come piece by piece."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from . import _core

if TYPE_CHECKING:
    from typing_extensions import Self


class Turn(NamedTuple):
    """One question of a conversation and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Timings:
    """Times in milliseconds, counts in tokens; of one answer."""

    encode_ms: float  #: decoding, preprocessing and encoding the inputs
    cached_inputs: int  #: inputs that had been encoded before
    prompt_ms: float  #: evaluating what the model had not seen yet
    first_text_ms: float  #: from the call to the first piece of the answer
    generate_ms: float  #: from the first token to the last
    prompt_tokens: int  #: positions evaluated for the prompt
    reused_tokens: int  #: positions that had been evaluated before
    generated_tokens: int
    guessed_tokens: int  #: by prompt look-up
    accepted_tokens: int  #: of the guessed ones, those that were right


@dataclass(frozen=True)
class Answer:
    """A finished answer; `str(answer)` is its text."""

    text: str
    finish: str  #: why it ended: "stop", "length", "context" or "cancelled"
    seed: int  #: the seed that was used
    warnings: tuple[str, ...]  #: what to know about the inputs or the question, a sentence each
    is_unsure: bool  #: an input is far from all that the model knows
    timings: Timings

    def __str__(self) -> str:
        return self.text


def answer_of(core: _core.Answer) -> Answer:
    timings = Timings(**{one.name: getattr(core.timings, one.name) for one in fields(Timings)})
    return Answer(core.text, core.finish, core.seed, tuple(core.warnings), core.is_unsure, timings)


class AnswerStream(Iterator[str]):
    """The pieces of an answer, as they come. Joined they are the answer's text.

    A thread of its own computes the answer, from the call on. `answer` is the whole of it, at the end. To leave the rest
    out, end the loop: dropping the stream, `close()` and the end of a `with` block stop the computation. Belongs to one
    thread at a time."""

    def __init__(self, core: _core.AnswerStream):
        self._core = core
        _open_streams.add(self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        piece = self._core.next()
        if piece is None:
            raise StopIteration
        return piece

    @property
    def answer(self) -> Answer | None:
        """The finished answer; None while it is being computed."""
        core = self._core.answer()
        return None if core is None else answer_of(core)

    def close(self) -> None:
        """Ends the answer after its next token. What has come stays the answer."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


# Threads that still compute when the interpreter goes would use what is gone.
_open_streams: weakref.WeakSet[AnswerStream] = weakref.WeakSet()


@atexit.register
def _close_streams() -> None:
    for stream in list(_open_streams):
        stream.close()
