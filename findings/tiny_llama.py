"""A llama with random weights, and a llama.cpp server for it (xllamacpp).

For the scripts of this folder, which install the packages that are imported here.
"""

import json
import urllib.request
from dataclasses import dataclass

import gguf
import numpy as np
import xllamacpp

UNKNOWN, BOS, EOS = 0, 1, 2
FIRST_BYTE = 3
FIRST_WORD = FIRST_BYTE + 256
CONTEXT = 512


@dataclass(frozen=True)
class Size:
    width: int = 64
    heads: int = 2
    inner: int = 64
    layers: int = 2


def vocabulary(words):
    """Three special tokens, the bytes, then the words: [(text, gguf.TokenType)]."""
    kind = gguf.TokenType
    tokens = [("<unk>", kind.UNKNOWN), ("<s>", kind.CONTROL), ("</s>", kind.CONTROL)]
    tokens += [(f"<0x{value:02X}>", kind.BYTE) for value in range(256)]
    return tokens + [(word, kind.NORMAL) for word in words]


def write_model(path, tokens, scores=None, size=Size(), seed=1, more=None):
    """A GGUF file of 32-bit weights with a SentencePiece vocabulary ("llama").

    `more` may add keys: it is called with the writer and True.
    """
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.inner)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.heads)
    writer.add_rope_dimension_count(size.width // size.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_scores(scores or [0.0] * len(tokens))
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    if more:
        more(writer, True)

    def matrix(name, rows, columns):
        values = random.standard_normal((rows, columns)) / np.sqrt(columns)
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    def ones(name):
        writer.add_tensor(f"{name}.weight", np.ones(size.width, np.float32))

    matrix("token_embd", len(tokens), size.width)
    for layer in range(size.layers):
        ones(f"blk.{layer}.attn_norm")
        ones(f"blk.{layer}.ffn_norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{layer}.{part}", size.width, size.width)
        matrix(f"blk.{layer}.ffn_gate", size.inner, size.width)
        matrix(f"blk.{layer}.ffn_up", size.inner, size.width)
        matrix(f"blk.{layer}.ffn_down", size.width, size.inner)
    ones("output_norm")
    matrix("output", len(tokens), size.width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path, configure=lambda params: None):
    """A server on the CPU with one thread and one slot. `configure` may change its parameters."""
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.verbosity = 0
    params.warmup = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.port = 0
    configure(params)
    return xllamacpp.Server(params)


def post(server, route, body):
    request = urllib.request.Request(server.listening_address + route, json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)
