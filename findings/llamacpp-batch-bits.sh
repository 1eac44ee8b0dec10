#!/usr/bin/env bash
# One would guess: at temperature 0 the prompt cache only saves time. A prompt that is evaluated
# anew and one whose beginning lies in the cache give the same probabilities, hence the same text.
# So it is: the CPU's kernels depend on how many tokens are evaluated together, and a cached
# beginning splits a prompt into two such batches. Flash attention, on unless switched off,
# computes batches of 64 tokens or more in another way than smaller ones; without it, a single
# token's matrix products are computed in another way than those of two or more. If both parts lie
# on the same side of that border as the whole, all bits are equal; else the probabilities differ,
# and some prompts go on with other words.
# Seen with xllamacpp 2026.10.11549 (llama.cpp) on x86-64 with AVX2. Fails if this has changed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" timeout 300 \
    "$folder/venv/bin/python" - "$folder/model.gguf" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import xllamacpp

from tiny_llama import FIRST_WORD, Size, post, serve, vocabulary, write_model

VOCABULARY = 512
PROMPT = 160
TEXTS, TEXT_LENGTH = 40, 300


def start(path, flash_attention):
    def configure(params):
        if not flash_attention:
            kinds = xllamacpp.llama_flash_attn_type
            params.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED

    return serve(path, configure)


def ask(server, tokens, cached, **more):
    """Of the prompt's tokens, `cached` have been evaluated by the request before."""
    body = {"prompt": tokens, "n_predict": 1, "temperature": 0, "ignore_eos": True,
            "cache_prompt": cached > 0} | more
    answer = post(server, "/completion", body)
    timings = answer["timings"]
    assert (timings["cache_n"], timings["prompt_n"]) == (cached, len(tokens) - cached), timings
    return answer


def prompt(seed):
    return np.random.default_rng(seed).integers(FIRST_WORD, VOCABULARY, PROMPT).tolist()


def probabilities(server, cached):
    tokens = prompt(2)
    if cached:
        ask(server, tokens[:cached], 0)
    answer = ask(server, tokens, cached, n_probs=VOCABULARY)
    top = answer["completion_probabilities"][0]["top_logprobs"]
    return np.array([one["logprob"] for one in sorted(top, key=lambda one: one["id"])])


def texts(server, cached):
    found = []
    for seed in range(TEXTS):
        tokens = prompt(seed)
        if cached:
            ask(server, tokens[:cached], 0)
        answer = ask(server, tokens, cached, n_predict=TEXT_LENGTH, return_tokens=True)
        found.append(answer["tokens"])
    return found


# What is seen: (flash attention, tokens in the cache) -> as without a cache, bit by bit?
EXPECTED = {
    (True, 0): True,
    (True, 64): True,
    (True, 96): True,
    (True, 40): False,
    (True, 97): False,
    (True, 159): False,
    (False, 0): True,
    (False, 40): True,
    (False, 97): True,
    (False, 158): True,
    (False, 159): False,
}

path = sys.argv[1]
words = vocabulary([f"word{number}" for number in range(FIRST_WORD, VOCABULARY)])
write_model(path, words, size=Size(width=256, heads=4, inner=512))
print(f"xllamacpp {version('xllamacpp')}, gguf {version('gguf')}, numpy {np.__version__}")
print(xllamacpp.get_system_info().strip())
changed = 0
for flash_attention in (True, False):
    server = start(path, flash_attention)
    print(f"Flash attention {'as it comes' if flash_attention else 'off'}")
    whole = probabilities(server, 0)
    for (flash, cached), expected in EXPECTED.items():
        if flash != flash_attention:
            continue
        difference = np.abs(probabilities(server, cached) - whole)
        equal = not difference.any()
        seen = "equal" if equal else (f"{np.count_nonzero(difference)} of {VOCABULARY} log "
                                      f"probabilities differ, by up to {difference.max():.1e}")
        parts = f"{cached} cached, {PROMPT - cached} evaluated" if cached else "evaluated again"
        print(f"  {parts}: {seen}{'' if equal == expected else '  <- CHANGED'}")
        changed += equal != expected
    if flash_attention:
        anew = texts(server, 0)
        for cached, expected in ((64, True), (97, False)):
            others = sum(one != other for one, other in zip(anew, texts(server, cached)))
            print(f"  {cached} cached: {others} of {TEXTS} prompts go on with other words"
                  f"{'' if (others == 0) == expected else '  <- CHANGED'}")
            changed += (others == 0) != expected
    del server
sys.exit(f"{changed} observations have changed" if changed else 0)
PYTHON
