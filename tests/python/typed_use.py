"""Not run: what the type checker says of uses of the package (test_package.py)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import pandagpt

panda = pandagpt.Panda("panda-mini", n_threads=2)
assert_type(panda.ask("What?", image="a.jpg", greedy=True), pandagpt.Answer)
assert_type(panda.ask("What?", image=[Path("a.jpg"), b"content"], stream=True), pandagpt.AnswerStream)
for piece in panda.ask("What?", audio=(np.zeros(16000), 16000), stream=True):
    assert_type(piece, str)
chat = panda.chat(image=np.zeros((4, 4, 3), np.uint8), history=[("a", "b")])
assert_type(chat.ask("What?"), pandagpt.Answer)
assert_type(chat.turns, list[pandagpt.Turn])
embedder = pandagpt.Embedder()
assert_type(embedder.embed([pandagpt.imu("a.csv", rate=100)]), NDArray[np.float32])
assert_type(embedder.classify(["a", "b"], image="a.jpg")[0][0].probability, float)
assert_type(pandagpt.SearchIndex("index").search("a dog")[0].hits[0].path, str)
assert_type(pandagpt.facts(audio="a.wav")[0]["loudness"], Any)

panda.ask("What?", image=7)  # type: ignore[call-overload]
panda.ask("What?", temprature=1)  # type: ignore[call-overload]
panda.ask(7)  # type: ignore[call-overload]
panda.answer("What?")  # type: ignore[attr-defined]
pandagpt.imu("a.csv", accel_unit="stone")  # type: ignore[arg-type]
embedder.embed("a.jpg")  # type: ignore[arg-type]
