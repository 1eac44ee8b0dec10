"""Options by name for the library's structures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from . import _core
from ._errors import ModelError, ModelNotFoundError, UsageError

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    class GenerateOptions(TypedDict, total=False):
        """How an answer is generated. What isn't given comes from the model folder."""

        max_tokens: int  # of the answer at most
        greedy: bool  # always the most likely token
        n_beams: int  # more than 1: beam search; the text comes in one piece
        temperature: float  # 0 is greedy
        top_p: float
        top_k: int
        min_p: float
        repeat_penalty: float
        repeat_last_n: int
        frequency_penalty: float
        presence_penalty: float
        n_draft: int  # tokens that are guessed at once by prompt look-up; the answer is the same
        seed: int | None  # same seed, same answer; None draws one


DEFAULT_MODEL = "panda-mini"
GENERATE_OPTIONS = ("max_tokens", "greedy", "n_beams", "temperature", "top_p", "top_k", "min_p", "repeat_penalty",
                    "repeat_last_n", "frequency_penalty", "presence_penalty", "n_draft", "seed")

_HOW_TO_GET = ("get panda-mini with scripts/setup.sh in a clone of the project and set PANDAGPT_MODELS=CLONE/models, "
               "or give the path of a model folder")

Core = TypeVar("Core")


def set_options(core: Core, options: Mapping[str, Any]) -> Core:
    """`core` with those options that aren't None."""
    for name, value in options.items():
        if value is None:
            continue
        try:
            setattr(core, name, value)
        except TypeError:
            raise UsageError(f"{name} can't be {value!r}") from None
    return core


def generate_options(defaults: _core.GenerateOptions, options: Mapping[str, Any]) -> _core.GenerateOptions:
    """Raises TypeError for a name that no option has, as a call with a wrong keyword does."""
    for name in options:
        if name not in GENERATE_OPTIONS:
            raise TypeError(f"unknown option '{name}'; there are {', '.join(GENERATE_OPTIONS)}")
    core = set_options(_core.GenerateOptions(defaults), options)
    if "seed" in options and options["seed"] is None:
        core.seed = None
    return core


def model_name(model: str | os.PathLike[str]) -> str:
    """`model` as the library opens it. Raises ModelNotFoundError if it is neither there nor the name of a model."""
    text = os.fspath(model)
    if os.path.isfile(text) and text.endswith(".gguf"):
        return text
    try:
        _core.find_model(text)
    except ModelError as error:
        if os.path.isdir(text):
            raise
        raise ModelNotFoundError(f"{error}; {_HOW_TO_GET}", text) from None
    return text
