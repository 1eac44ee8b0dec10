"""PandaGPT: questions about pictures, films, sounds, motion, depth maps and thermal pictures, answered by a language
model on this machine.

    import pandagpt

    panda = pandagpt.Panda()
    print(panda.ask("What is in the picture?", image="dog.jpg"))

    embedder = pandagpt.Embedder()
    rows = embedder.embed(image=["dog.jpg", "cat.jpg"])  # (2, embedder.width)

All that fails raises a PandaError. The library's log goes to the logger "pandagpt" of Python's logging. After a fork its
threads are gone: open models in the new process, or start it by "spawn".
"""

try:
    from . import _core
except ImportError as error:
    if "cannot open shared object file" in str(error):
        raise ImportError(f"{error}; a wheel of this package takes some libraries from the system: on Debian "
                          "libglib2.0-0 libx11-6 libxext6 libxrender1 libexpat1") from None
    raise
from ._answers import Answer, AnswerStream, Timings, Turn
from ._embedder import Classifier, Embedder, LabelScore
from ._errors import (InputError, InputNotFoundError, InternalError, ModelError, ModelNotFoundError, PandaError,
                      UsageError)
from ._facts import facts
from ._inputs import MODALITIES, Input, audio, depth, image, imu, thermal, video
from ._panda import Chat, ModelInfo, Panda
from ._search import IndexReport, SearchGroup, SearchHit, SearchIndex

__version__: str = _core.version


def list_models() -> list[str]:
    """Folders of the models that are found by name: in $PANDAGPT_MODELS, in the user's data folder, and in the source
    tree that the package was built from."""
    return _core.list_models()


def set_log_level(level: int) -> None:
    """The lowest level (logging.INFO, ..) of what the library writes to the logger "pandagpt"; at first
    logging.WARNING. The logger must let it through as well."""
    _core.set_log_level(level)


__all__ = ["MODALITIES", "Answer", "AnswerStream", "Chat", "Classifier", "Embedder", "IndexReport", "Input",
           "InputError", "InputNotFoundError", "InternalError", "LabelScore", "ModelError", "ModelInfo",
           "ModelNotFoundError", "Panda", "PandaError", "SearchGroup", "SearchHit", "SearchIndex", "Timings", "Turn",
           "UsageError", "audio", "depth", "facts", "image", "imu", "list_models", "set_log_level", "thermal", "video"]
