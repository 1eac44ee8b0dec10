#!/usr/bin/env bash
# One would guess: with `n_probs` (or `logprobs`) llama.cpp's server gives a log probability for
# each token of the answer, so their sum is that of the text.
# So it is: tokens that end inside a character have none. A character that isn't in the vocabulary
# is a token for each of its bytes; only the last is listed, with the bytes of all, so it looks like
# one token. Of a panda's four tokens three are missing, in the ids of a streamed answer as well. So
# a confidence made of these is too high for emoji, Chinese and accents, and the list of
# probabilities is shorter than that of tokens.
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
import json
import sys
import urllib.request
from importlib.metadata import version

import numpy as np

from tiny_llama import FIRST_WORD, post, serve, vocabulary, write_model

TEXTS = ["panda", "caf\u00e9", "\u72d7", "\U0001f43c"]
LETTERS = sorted(set("panda" "caf"))


def body(text, **more):
    """A grammar makes the model say the text, byte by byte."""
    return {"prompt": [FIRST_WORD], "n_predict": 20, "temperature": 0, "n_probs": 1,
            "return_tokens": True, "grammar": f"root ::= {json.dumps(text, ensure_ascii=False)}",
            } | more


def streamed_tokens(server, text):
    request = urllib.request.Request(server.listening_address + "/completion",
                                     json.dumps(body(text, stream=True)).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        lines = response.read().decode().splitlines()
    parts = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    return sum((part.get("tokens", []) for part in parts), [])


def given_for_all(server, tokens):
    """Log probability of the tokens, each asked for by itself."""
    total = 0.0
    for at, token in enumerate(tokens):
        answer = post(server, "/completion", {
            "prompt": [FIRST_WORD, *tokens[:at]], "n_predict": 1, "temperature": 0,
            "n_probs": FIRST_WORD + len(LETTERS), "logit_bias": [[FIRST_WORD, 1000]]})
        top = answer["completion_probabilities"][0]["top_logprobs"]
        total += next(one["logprob"] for one in top if one["id"] == token)
    return total


path = f"{sys.argv[1]}/model.gguf"
write_model(path, vocabulary(LETTERS))
server = serve(path)
print(f"xllamacpp {version('xllamacpp')}")
changed = 0
for text in TEXTS:
    answer = post(server, "/completion", body(text))
    tokens = answer["tokens"]
    listed = answer["completion_probabilities"]
    chat = post(server, "/v1/completions", body(text) | {"logprobs": 1, "max_tokens": 20})
    chat_listed = chat["choices"][0]["logprobs"]["content"]
    streamed = streamed_tokens(server, text)
    summed = sum(one["logprob"] for one in listed)
    # Each character gets one entry, and so does the end mark.
    entries = len(text) + 1
    holds = (answer["content"] == text and len(tokens) == len(text.encode()) + 1
             and len(listed) == len(chat_listed) == len(streamed) == entries)
    print(f"{text!r}: {len(tokens)} tokens; probabilities: {len(listed)}, in /v1/completions "
          f"{len(chat_listed)}; streamed ids: {len(streamed)}; log probability of the text "
          f"{given_for_all(server, tokens):.1f}, sum of those given {summed:.1f}"
          f"{'' if holds else '  <- CHANGED'}")
    changed += not holds
sys.exit(f"{changed} of {len(TEXTS)} have changed" if changed else 0)
PYTHON
