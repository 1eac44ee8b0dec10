#!/usr/bin/env python3
"""Writes the language-model fixtures of the tests: a LLaMA of 100 KB, its LoRA adapter, its projector.

The model is a scripted one: its output matrix makes each token of SCRIPT predict the next, so that
greedy answers are known in advance (a stop string split over tokens, a character of four bytes),
while random attention and feed-forward weights make every score depend on the whole context.
Expected scores come from the forward pass in numpy below, expected tokens from the `tokenizers`
package: neither shares code with llama.cpp.

    python tools/reference/make_llm_fixtures.py        needs: numpy gguf tokenizers
"""

import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
N_EMBD, N_HEAD, N_KV_HEAD, N_FF, N_LAYER, N_CTX = 32, 4, 2, 48, 2, 512
HEAD_DIM = N_EMBD // N_HEAD
EPS, ROPE_BASE = 1e-5, 10000.0
LORA_RANK, LORA_ALPHA = 2, 4.0
N_IMAGE_TOKENS, N_EMBEDDING = 2, 24  # of the projector; the second must fit encoders.gguf
BOS, EOS = 1, 2
WORDS = [" A", " panda", " eats", " bamboo", "##", "Human", "Assistant", "Img", "</", " What", " is"]
# What the model says after "...Assistant:"; a token may stand here once. The end is "\n###" in an
# order of tokens that the tokeniser itself would not choose.
SCRIPT = [":", " A", " panda", " eats", " bamboo", " ", "\xf0", "\x9f", "\x90", "\xbc", "!", "\n",
          "#", "##"]


def byte_alphabet():
    """GPT-2's printable stand-in of each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in kept}
    for byte in range(256):
        table.setdefault(byte, chr(256 + len(table) - len(kept)))
    return table


ALPHABET = byte_alphabet()


def spell(text):
    """latin-1 text, one character a byte -> the vocabulary's spelling"""
    return "".join(ALPHABET[ord(character)] for character in text)


def make_vocabulary():
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [ALPHABET[b] for b in range(256)]
    merges = []
    for word in map(spell, WORDS):
        for end in range(2, len(word) + 1):
            if word[:end] not in tokens:
                tokens.append(word[:end])
                merges.append((word[: end - 1], word[end - 1]))
    return tokens, merges


def reference_tokenizer(tokens, merges):
    """SmolLM2's pre-tokenisation: single digits, then GPT-2's pattern."""
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


def make_weights(tokens, rng):
    def normal(*shape, scale):
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    embeddings = normal(len(tokens), N_EMBD, scale=1.0)
    output = normal(len(tokens), N_EMBD, scale=0.02)
    for current, following in zip(SCRIPT, SCRIPT[1:]):
        row = embeddings[tokens.index(spell(current))]
        output[tokens.index(spell(following))] += row / np.linalg.norm(row) * 2
    weights = {"token_embd": embeddings, "output": output,
               "output_norm": np.ones(N_EMBD, np.float32)}
    n_kv = N_KV_HEAD * HEAD_DIM
    for layer in range(N_LAYER):
        for name, shape in {"attn_q": (N_EMBD, N_EMBD), "attn_k": (n_kv, N_EMBD),
                            "attn_v": (n_kv, N_EMBD), "attn_output": (N_EMBD, N_EMBD),
                            "ffn_gate": (N_FF, N_EMBD), "ffn_up": (N_FF, N_EMBD),
                            "ffn_down": (N_EMBD, N_FF)}.items():
            scale = {"attn_output": 0.08, "ffn_down": 0.08}.get(name, 0.25)
            weights[f"blk.{layer}.{name}"] = normal(*shape, scale=scale)
        for name in ("attn_norm", "ffn_norm"):
            weights[f"blk.{layer}.{name}"] = 1 + normal(N_EMBD, scale=0.1)
    return weights


def make_adapter(rng):
    """{weight: (A (r, in), B (out, r))}"""
    pairs = {}
    for layer in range(N_LAYER):
        for name, n_out in (("attn_q", N_EMBD), ("attn_v", N_KV_HEAD * HEAD_DIM)):
            a = rng.standard_normal((LORA_RANK, N_EMBD)).astype(np.float32) * 0.2
            b = rng.standard_normal((n_out, LORA_RANK)).astype(np.float32) * 0.2
            pairs[f"blk.{layer}.{name}"] = (a, b)
    return pairs


def merge(weights, adapter):
    merged = dict(weights)
    for name, (a, b) in adapter.items():
        merged[name] = weights[name] + LORA_ALPHA / LORA_RANK * b @ a
    return merged


def rms_norm(x, weight):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPS) * weight


def rotate(x):
    """x: (T, heads, HEAD_DIM); neighbours (2i, 2i+1) turn by position * base^(-2i / HEAD_DIM)."""
    angle = np.arange(len(x))[:, None] * ROPE_BASE ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)


def last_logits(weights, x):
    """x: (T, N_EMBD) input embeddings -> scores of the next token, (vocabulary,)"""
    length = len(x)
    mask = np.triu(np.full((length, length), -np.inf), 1)
    for layer in range(N_LAYER):
        def part(name, at=layer):
            return weights[f"blk.{at}.{name}"].astype(np.float64)

        h = rms_norm(x, part("attn_norm"))
        q = rotate((h @ part("attn_q").T).reshape(length, N_HEAD, HEAD_DIM))
        k = rotate((h @ part("attn_k").T).reshape(length, N_KV_HEAD, HEAD_DIM))
        v = (h @ part("attn_v").T).reshape(length, N_KV_HEAD, HEAD_DIM)
        mixed = np.empty_like(q)
        for head in range(N_HEAD):
            group = head // (N_HEAD // N_KV_HEAD)
            scores = q[:, head] @ k[:, group].T / np.sqrt(HEAD_DIM) + mask
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed[:, head] = scores / scores.sum(-1, keepdims=True) @ v[:, group]
        x = x + mixed.reshape(length, N_EMBD) @ part("attn_output").T
        h = rms_norm(x, part("ffn_norm"))
        gate = h @ part("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ part("ffn_up").T)) @ part("ffn_down").T
    return rms_norm(x, weights["output_norm"])[-1] @ weights["output"].astype(np.float64).T


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_model(path, tokens, merges, weights):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny scripted LLaMA of PandaGPT's tests")
    writer.add_context_length(N_CTX)
    writer.add_embedding_length(N_EMBD)
    writer.add_block_count(N_LAYER)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_KV_HEAD)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3
                           + [gguf.TokenType.NORMAL] * (len(tokens) - 3))
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(False)
    for name, value in weights.items():
        writer.add_tensor(name + ".weight", value)
    write(writer)


def write_adapter(path, adapter):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", LORA_ALPHA)
    for name, (a, b) in adapter.items():
        writer.add_tensor(name + ".weight.lora_a", a)
        writer.add_tensor(name + ".weight.lora_b", b)
    write(writer)


def write_projector(path, rng):
    writer = gguf.GGUFWriter(path, "pandagpt-projector")
    writer.add_uint32("pandagpt.projector.n_image_tokens", N_IMAGE_TOKENS)
    writer.add_uint32("pandagpt.projector.n_in", N_EMBEDDING)
    writer.add_uint32("pandagpt.projector.n_embd", N_EMBD)
    n_out = N_IMAGE_TOKENS * N_EMBD
    weight = rng.standard_normal((n_out, N_EMBEDDING)).astype(np.float32)
    bias = rng.standard_normal(n_out).astype(np.float32) * 0.1
    writer.add_tensor("llama_proj.weight", weight)
    writer.add_tensor("llama_proj.bias", bias)
    write(writer)
    return weight, bias


def write_spm_vocabulary(path):
    """A SentencePiece vocabulary, which puts a space before every text (as Vicuna's does)."""
    mark = "\u2581"
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [mark, *"#:AHaimnstu", "Hu", "Hum", "Huma", "Human", mark + "Human", mark + "A"]
    types = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * 256
    types += [gguf.TokenType.NORMAL] * (len(tokens) - len(types))
    writer = gguf.GGUFWriter(path, "llama")
    for add, value in ((writer.add_context_length, N_CTX), (writer.add_embedding_length, N_EMBD),
                       (writer.add_block_count, N_LAYER), (writer.add_feed_forward_length, N_FF),
                       (writer.add_head_count, N_HEAD), (writer.add_layer_norm_rms_eps, EPS),
                       (writer.add_rope_dimension_count, HEAD_DIM)):
        add(value)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([float(len(token)) for token in tokens])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    write(writer)


def main():
    rng = np.random.default_rng(20230525)
    tokens, merges = make_vocabulary()
    tokenizer = reference_tokenizer(tokens, merges)
    weights, adapter = make_weights(tokens, rng), make_adapter(rng)
    panda, llm = FIXTURES / "tiny-panda", FIXTURES / "llm"
    write_model(panda / "llm.gguf", tokens, merges, weights)
    write_adapter(panda / "adapter.gguf", adapter)
    weight, bias = write_projector(panda / "projector.gguf", rng)
    write_spm_vocabulary(llm / "spm-vocab.gguf")

    embedding = rng.standard_normal(N_EMBEDDING).astype(np.float32)
    projected = (weight @ embedding + bias).reshape(N_IMAGE_TOKENS, N_EMBD)
    pieces = ["### Human: <Img>", "</Img> What is it?\n### Assistant:", " 12 caf\u00e9s \U0001f43c!\n###",
              " Human: What is a <|im_end|>?\n### Assistant:"]
    ids = {piece: tokenizer.encode(piece, add_special_tokens=False).ids for piece in pieces}
    table = weights["token_embd"]
    x = np.concatenate([table[[BOS, *ids[pieces[0]]]], projected, table[ids[pieces[1]]]])
    expected = {
        "bos": BOS,
        "n_vocab": len(tokens),
        "pieces": [{"text": piece, "tokens": found} for piece, found in ids.items()],
        "question": "What is it?",
        "script": "A panda eats bamboo \U0001f43c!",
        "embedding": [round(float(v), 9) for v in embedding],
        "projected": [round(float(v), 6) for v in projected.ravel()],
        "logits": [round(float(v), 6) for v in last_logits(weights, x)],
        "logits_with_adapter": [round(float(v), 6) for v in last_logits(merge(weights, adapter), x)],
    }
    (llm / "expected.json").write_text(json.dumps(expected, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
