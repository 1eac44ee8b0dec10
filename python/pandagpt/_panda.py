"""Questions and conversations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from . import _core
from ._answers import Answer, AnswerStream, Turn, answer_of
from ._inputs import Input, core_inputs
from ._options import DEFAULT_MODEL, GENERATE_OPTIONS, generate_options, model_name, set_options

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from ._inputs import Sources
    from ._options import GenerateOptions


@dataclass(frozen=True)
class ModelInfo:
    """What a model folder says about itself."""

    name: str
    folder: str
    licence: str  #: an SPDX expression
    licence_note: str  #: what it means, in one line; may be empty
    limitations: str  #: what the model can't do, in one line; may be empty
    provenance: str
    language_model: str
    embedding_width: int  #: numbers of one embedding
    n_image_tokens: int  #: positions that an input takes in the prompt
    n_ctx: int  #: positions of a conversation
    later_inputs: str  #: "replace" or "keep"
    modalities: tuple[str, ...]
    example_questions: tuple[str, ...]


def _info_of(core: _core.ModelInfo) -> ModelInfo:
    values: dict[str, Any] = {one.name: getattr(core, one.name) for one in fields(ModelInfo)}
    for name in ("modalities", "example_questions"):
        values[name] = tuple(values[name])
    return ModelInfo(**values)


class Panda:
    """An opened model folder, which answers questions. Threads may share it.

    `model` is a folder, the name of one that `list_models()` finds, or a language model's GGUF file (text alone).
    Raises ModelNotFoundError, ModelError, and UsageError for options that can't be.

    - `device`: "auto" (a GPU where there is one), "cpu", or its name; `encoder_device`: the same for the encoders
    - `n_gpu_layers`: of the language model; -1: all
    - `n_threads`: 0 is one a physical core; `n_ctx`: positions of a conversation, 0 is the model folder's own value
    - `n_parallel`: answers computed at once for threads that ask, each in a cache of `n_ctx` positions; 1
    - `later_inputs`: "replace" or "keep": what becomes of earlier inputs when a chat is given others
    - `use_cache`, `cache_file`: embeddings of inputs are kept in memory, and in that SQLite file
    - `say_unsure`: "I am not sure; perhaps .." in front of answers about inputs that are far from all it knows
    - `system_message`: for a language model alone
    - `max_pixels`, `max_seconds`, `max_decode_seconds`: what is refused of strangers' files; 0: no limit
    - `verify`: compare the SHA-256 of all files with the manifest
    """

    def __init__(self, model: str | os.PathLike[str] = DEFAULT_MODEL, *, device: str | None = None,
                 encoder_device: str | None = None, n_gpu_layers: int | None = None, n_threads: int | None = None,
                 n_ctx: int | None = None, n_parallel: int | None = None, use_adapter: bool | None = None,
                 repack: bool | None = None, later_inputs: Literal["replace", "keep"] | None = None,
                 verify: bool | None = None, use_cache: bool | None = None,
                 cache_file: str | os.PathLike[str] | None = None, say_unsure: bool | None = None,
                 system_message: str | None = None, rpc_servers: Sequence[str] | None = None,
                 max_pixels: int | None = None, max_seconds: float | None = None,
                 max_decode_seconds: float | None = None):
        limits = set_options(_core.InputLimits(), {
            "max_pixels": max_pixels, "max_seconds": max_seconds, "max_decode_seconds": max_decode_seconds})
        options = set_options(_core.PandaOptions(), {
            "device": device, "encoder_device": encoder_device, "n_gpu_layers": n_gpu_layers, "n_threads": n_threads,
            "n_ctx": n_ctx, "n_parallel": n_parallel, "use_adapter": use_adapter, "repack": repack, "verify": verify,
            "use_cache": use_cache, "cache_file": None if cache_file is None else os.fspath(cache_file),
            "say_unsure": say_unsure, "system_message": system_message,
            "rpc_servers": None if rpc_servers is None else list(rpc_servers), "limits": limits})
        if later_inputs is not None:
            options.set_later_inputs(later_inputs)
        self._core = _core.Panda(model_name(model), options)

    @property
    def info(self) -> ModelInfo:
        return _info_of(self._core.info)

    @property
    def default_options(self) -> GenerateOptions:
        """The model folder's own options of generation."""
        core = self._core.default_options
        return {name: getattr(core, name) for name in GENERATE_OPTIONS}  # type: ignore[return-value]

    @overload
    def ask(self, question: str, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None,
            video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
            imu: Sources = None, sound_of_videos: bool = False, stream: Literal[False] = False,
            **options: Unpack[GenerateOptions]) -> Answer: ...

    @overload
    def ask(self, question: str, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None,
            video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
            imu: Sources = None, sound_of_videos: bool = False, stream: Literal[True],
            **options: Unpack[GenerateOptions]) -> AnswerStream: ...

    def ask(self, question: str, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None,
            video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
            imu: Sources = None, sound_of_videos: bool = False, stream: bool = False,
            **options: Unpack[GenerateOptions]) -> Answer | AnswerStream:
        """Answers one question about all inputs together, or about text alone.

        `image`, .. take one input or a list of them: paths, bytes, arrays, PIL pictures, or what `image()`, .. return.
        `sound_of_videos` adds each film's sound as an input of its own. With `stream`, an iterator over the pieces of
        the answer. `options`: max_tokens, greedy, n_beams, temperature, top_p, top_k, min_p, repeat_penalty,
        repeat_last_n, frequency_penalty, presence_penalty, n_draft, seed.

        Raises InputError for an input that can't be read, ModelError for one that the model doesn't take, UsageError
        for an option out of range or a question that doesn't fit. With `stream`, the first two come from the iterator.
        """
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu}, sound_of_videos)
        generate = generate_options(self._core.default_options, options)
        if stream:
            return AnswerStream(self._core.stream(core, question, generate))
        return answer_of(self._core.ask(core, question, generate))

    def chat(self, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None, video: Sources = None,
             audio: Sources = None, thermal: Sources = None, depth: Sources = None, imu: Sources = None,
             sound_of_videos: bool = False, history: Iterable[tuple[str, str]] = ()) -> Chat:
        """A conversation, about inputs or not; `history`: (question, answer) of one held before."""
        chat = Chat(self._core.start_chat(), self._core.default_options)
        turns = [(question, answer) for question, answer in history]
        if turns:
            chat._core.set_history(turns)
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu}, sound_of_videos)
        if len(core) > 0:
            chat._core.set_inputs(core)
        return chat

    def embed(self, inputs: Input | Iterable[Input] | None = None, *, image: Sources = None, video: Sources = None,
              audio: Sources = None, thermal: Sources = None, depth: Sources = None,
              imu: Sources = None) -> NDArray[np.float32]:
        """(inputs, info.embedding_width): embeddings of the inputs, as Embedder.embed() gives them."""
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu})
        return self._core.embed(core)


class Chat:
    """A conversation with history: `Panda.chat()` makes it. It belongs to one thread at a time."""

    def __init__(self, core: _core.Chat, defaults: _core.GenerateOptions):
        self._core = core
        self._defaults = defaults

    @overload
    def ask(self, question: str, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None,
            video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
            imu: Sources = None, sound_of_videos: bool = False, stream: Literal[False] = False,
            **options: Unpack[GenerateOptions]) -> Answer: ...

    @overload
    def ask(self, question: str, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None,
            video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
            imu: Sources = None, sound_of_videos: bool = False, stream: Literal[True],
            **options: Unpack[GenerateOptions]) -> AnswerStream: ...

    def ask(self, question: str, *, inputs: Input | Iterable[Input] | None = None, image: Sources = None,
            video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
            imu: Sources = None, sound_of_videos: bool = False, stream: bool = False,
            **options: Unpack[GenerateOptions]) -> Answer | AnswerStream:
        """The next question, as Panda.ask(). Its inputs replace the earlier ones, or stand beside them, as the model's
        `later_inputs` says. Raises UsageError if the context is full; the conversation is then as it was before."""
        core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                    "depth": depth, "imu": imu}, sound_of_videos)
        generate = generate_options(self._defaults, options)
        if len(core) > 0:
            self._core.add_inputs(core)
        if stream:
            return AnswerStream(self._core.stream(question, generate))
        return answer_of(self._core.ask(question, generate))

    @overload
    def regenerate(self, *, stream: Literal[False] = False, **options: Unpack[GenerateOptions]) -> Answer: ...

    @overload
    def regenerate(self, *, stream: Literal[True], **options: Unpack[GenerateOptions]) -> AnswerStream: ...

    def regenerate(self, *, stream: bool = False, **options: Unpack[GenerateOptions]) -> Answer | AnswerStream:
        """Answers the last question again. Raises UsageError if there is none."""
        generate = generate_options(self._defaults, options)
        if stream:
            return AnswerStream(self._core.stream_again(generate))
        return answer_of(self._core.regenerate(generate))

    def set_inputs(self, inputs: Input | Iterable[Input] | None = None, *, image: Sources = None,
                   video: Sources = None, audio: Sources = None, thermal: Sources = None, depth: Sources = None,
                   imu: Sources = None, sound_of_videos: bool = False) -> None:
        """What the conversation is about from now on; the inputs before are dropped, the history stays."""
        self._core.set_inputs(core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal,
                                                   "depth": depth, "imu": imu}, sound_of_videos))

    def reset(self) -> None:
        """Forgets history and inputs."""
        self._core.reset()

    @property
    def turns(self) -> list[Turn]:
        """The conversation so far."""
        return [Turn(*turn) for turn in self._core.history()]

    @turns.setter
    def turns(self, turns: Iterable[tuple[str, str]]) -> None:
        self._core.set_history([(question, answer) for question, answer in turns])
