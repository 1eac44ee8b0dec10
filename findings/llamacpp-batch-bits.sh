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

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

timeout 300 "$folder/venv/bin/python" - "$folder/model.gguf" <<'PYTHON'
import json
import sys
import urllib.request
from importlib.metadata import version

import gguf
import numpy as np
import xllamacpp

VOCABULARY, WIDTH, HEADS, INNER, LAYERS = 512, 256, 4, 512, 2
FIRST_WORD = 3 + 256  # behind three special tokens and the bytes
PROMPT = 160
TEXTS, TEXT_LENGTH = 40, 300


def write_model(path):
    """A llama with random weights in 32 bits."""
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)

    kind = gguf.TokenType
    tokens = [("<unk>", kind.UNKNOWN), ("<s>", kind.CONTROL), ("</s>", kind.CONTROL)]
    tokens += [(f"<0x{value:02X}>", kind.BYTE) for value in range(256)]
    tokens += [(f"word{number}", kind.NORMAL) for number in range(FIRST_WORD, VOCABULARY)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([int(one) for _, one in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def matrix(name, rows, columns):
        values = random.standard_normal((rows, columns)) / np.sqrt(columns)
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    def ones(name):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    matrix("token_embd", VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        ones(f"blk.{layer}.attn_norm")
        ones(f"blk.{layer}.ffn_norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{layer}.{part}", WIDTH, WIDTH)
        matrix(f"blk.{layer}.ffn_gate", INNER, WIDTH)
        matrix(f"blk.{layer}.ffn_up", INNER, WIDTH)
        matrix(f"blk.{layer}.ffn_down", WIDTH, INNER)
    ones("output_norm")
    matrix("output", VOCABULARY, WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path, flash_attention):
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 512
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.verbosity = 0
    params.warmup = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    if not flash_attention:
        kinds = xllamacpp.llama_flash_attn_type
        params.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.port = 0
    return xllamacpp.Server(params)


def ask(server, tokens, cached, **more):
    """Of the prompt's tokens, `cached` have been evaluated by the request before."""
    body = {"prompt": tokens, "n_predict": 1, "temperature": 0, "ignore_eos": True,
            "cache_prompt": cached > 0} | more
    request = urllib.request.Request(server.listening_address + "/completion",
                                     json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
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
write_model(path)
print(f"xllamacpp {version('xllamacpp')}, gguf {version('gguf')}, numpy {np.__version__}")
print(xllamacpp.get_system_info().strip())
changed = 0
for flash_attention in (True, False):
    server = serve(path, flash_attention)
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
