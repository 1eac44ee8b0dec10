#!/usr/bin/env bash
# One would guess: `presence_penalty`, `frequency_penalty` and `repeat_penalty` keep llama.cpp's
# server from repeating what it has said in its answer.
# So it is: the prompt counts as well, and only the last 64 tokens count (`repeat_last_n`). So the
# words of a question are the first to be punished ("Is there a dog in the picture?": the answer
# avoids "dog" and "picture"), as are those of earlier answers; and in an answer of more than 64
# tokens its own beginning is forgotten.
# Seen with xllamacpp 2026.10.11549 (llama.cpp). Fails if this has changed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" timeout 170 \
    "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np

from tiny_llama import FIRST_WORD, post, serve, vocabulary, write_model

WORDS = ["dog", "picture", "there", "cat", "filler"]
TOKENS = FIRST_WORD + len(WORDS)
DOG, PICTURE, THERE, CAT, FILLER = range(FIRST_WORD, TOKENS)
QUESTION = [THERE, DOG, PICTURE, DOG]


def next_token(server, prompt, **penalties):
    """Probabilities of all tokens behind the prompt, after the penalties."""
    answer = post(server, "/completion", {
        "prompt": prompt, "n_predict": 1, "temperature": 1, "n_probs": TOKENS, "seed": 1,
        "post_sampling_probs": True, "samplers": ["penalties", "temperature"],
        "logit_bias": [[CAT, 20]]} | penalties)
    top = answer["completion_probabilities"][0]["top_probs"]
    return np.array([one["prob"] for one in sorted(top, key=lambda one: one["id"])])


def is_less_likely(server, prompt, token, **penalties):
    """How far the log odds of a token fall beside "cat", which the prompt lacks."""
    before = next_token(server, prompt)
    after = next_token(server, prompt, **penalties)
    return float(np.log(before[token] / before[CAT]) - np.log(after[token] / after[CAT]))


path = f"{sys.argv[1]}/model.gguf"
write_model(path, vocabulary(WORDS))
server = serve(path)
print(f"xllamacpp {version('xllamacpp')}")
far = QUESTION + [FILLER] * 64
near = QUESTION + [FILLER] * 59
presence, frequency = {"presence_penalty": 1.5}, {"frequency_penalty": 1.5}
# What is seen: what the logit of a token of the prompt has lost
EXPECTED = [
    ("presence_penalty 1.5, once in the prompt", QUESTION, PICTURE, presence, 1.5),
    ("presence_penalty 1.5, twice in the prompt", QUESTION, DOG, presence, 1.5),
    ("frequency_penalty 1.5, twice in the prompt", QUESTION, DOG, frequency, 3.0),
    ("presence_penalty 1.5, 60 tokens ago", near, DOG, presence, 1.5),
    ("presence_penalty 1.5, 65 tokens ago", far, DOG, presence, 0.0),
    ("the same, repeat_last_n 128", far, DOG, presence | {"repeat_last_n": 128}, 1.5),
]
changed = 0
for name, prompt, token, penalties, expected in EXPECTED:
    lost = is_less_likely(server, prompt, token, **penalties)
    holds = abs(lost - expected) < 0.05
    print(f"{name}: {lost:.2f}{'' if holds else f'  <- CHANGED, was {expected}'}")
    changed += not holds
sys.exit(f"{changed} of {len(EXPECTED)} have changed" if changed else 0)
PYTHON
