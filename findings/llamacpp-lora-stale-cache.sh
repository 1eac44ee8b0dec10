#!/usr/bin/env bash
# One would guess: once a LoRA adapter's scale is changed through llama.cpp's server (POST
# /lora-adapters), answers are those of the new scale, as after a start with that scale.
# So it is: what the cache holds of a prompt's beginning was computed with the old scale, and is
# still used. Comparing an adapter with the base model on one prompt so compares next to nothing:
# only the last token is evaluated anew. The same happens when a request without "lora" follows one
# with it. A request with "lora" is right, and so is "cache_prompt": false.
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

import gguf
import numpy as np
import xllamacpp

from tiny_llama import FIRST_WORD, Size, post, serve, vocabulary, write_model

WORDS, RANK, PROMPT = 100, 4, 60
TOKENS = FIRST_WORD + WORDS
folder = sys.argv[1]
MODEL, ADAPTER = f"{folder}/model.gguf", f"{folder}/adapter.gguf"


def write_adapter():
    random = np.random.default_rng(2)
    size = Size()
    writer = gguf.GGUFWriter(ADAPTER, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(size.layers):
        for part in ("attn_q", "attn_v"):
            name = f"blk.{layer}.{part}.weight"
            for suffix, shape in (("lora_a", (RANK, size.width)), ("lora_b", (size.width, RANK))):
                values = random.standard_normal(shape) / 2
                writer.add_tensor(f"{name}.{suffix}", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def start(scale=1.0):
    def configure(params):
        info = xllamacpp.CommonAdapterLoraInfo()
        info.path = ADAPTER
        info.scale = scale
        params.lora_adapters = [info]

    return serve(MODEL, configure)


def scales(scale):
    return [{"id": 0, "scale": scale}]


def ask(server, **more):
    """The log probabilities behind the prompt, and how many of its tokens the cache held."""
    prompt = np.random.default_rng(3).integers(FIRST_WORD, TOKENS, PROMPT).tolist()
    # The bias only chooses a token that has letters; probabilities are taken before it.
    answer = post(server, "/completion", {
        "prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": TOKENS,
        "logit_bias": [[FIRST_WORD, 1000]]} | more)
    top = answer["completion_probabilities"][0]["top_logprobs"]
    values = np.array([one["logprob"] for one in sorted(top, key=lambda one: one["id"])])
    return values, answer["timings"]["cache_n"]


def change(server, scale):
    post(server, "/lora-adapters", scales(scale))


# Each case: what is asked before, how the last question is asked, whose scale it should have, and
# whether it has.
def global_change(server):
    ask(server)
    change(server, 0.0)
    return ask(server)


def global_change_without_cache(server):
    ask(server)
    change(server, 0.0)
    return ask(server, cache_prompt=False)


def global_change_and_request(server):
    ask(server)
    change(server, 0.0)
    return ask(server, lora=scales(0.5))


def default_after_request(server):
    ask(server, lora=scales(0.0))
    return ask(server)


def request_after_default(server):
    ask(server)
    return ask(server, lora=scales(0.0))


CASES = [
    ("POST /lora-adapters: 1 to 0", global_change, 0.0, False),
    ("the same, cache_prompt false", global_change_without_cache, 0.0, True),
    ('the same, then "lora": 0.5', global_change_and_request, 0.5, True),
    ('"lora": 0, then without "lora"', default_after_request, 1.0, False),
    ('without "lora", then "lora": 0', request_after_default, 0.0, True),
]

write_model(MODEL, vocabulary([f"word{number}" for number in range(WORDS)]))
write_adapter()
print(f"xllamacpp {version('xllamacpp')}, gguf {version('gguf')}, numpy {np.__version__}")
right = {}
for scale in (0.0, 0.5, 1.0):
    right[scale], _ = ask(start(scale), cache_prompt=False)
print(f"The adapter changes log probabilities by up to {np.abs(right[1.0] - right[0.0]).max():.2f}")
changed = 0
for name, run, scale, expected in CASES:
    values, cached = run(start())
    error = np.abs(values - right[scale]).max()
    is_right = error < 0.01
    print(f"{name}: {cached} of {PROMPT} tokens from the cache; beside scale {scale}: "
          f"{'as it should be' if is_right else f'up to {error:.2f} off'}"
          f"{'' if is_right == expected else '  <- CHANGED'}")
    changed += is_right != expected
sys.exit(f"{changed} of {len(CASES)} have changed" if changed else 0)
PYTHON
