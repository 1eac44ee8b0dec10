#!/usr/bin/env python3
"""Writes tests/fixtures/vicuna: tiny LLaMAs as Hugging Face folders, and what transformers says.

    base/    LLaMA as transformers 4.28 wrote it: f16, pytorch_model-*.bin with their index,
             rotary_emb.inv_freq among the tensors
    delta/   a Vicuna v0 delta on it: one row more (the added token [PAD]), one pytorch_model.bin
    gqa/     as transformers 5 writes it: bf16, safetensors, fewer key heads than heads, a head_dim of
             its own, tied embeddings, linear rope scaling, embedding rows without a token
    expected.json   token ids and scores

The vocabulary is trained with sentencepiece as LLaMA's was (BPE, byte fallback, identity
normalisation, extra spaces kept), on text in which the prompt protocol's pieces are frequent.
Expected token ids are sentencepiece's own, which is what transformers' slow LlamaTokenizer gave in
its legacy behaviour (4.28, PandaGPT's version) for text without special tokens. Expected scores
are transformers' in f32. The delta is added as FastChat 0.1.10 does (fastchat/model/apply_delta.py):
in f16, the rows that the base lacks being zeros.

    python tools/reference/make_vicuna_fixtures.py     needs: torch transformers sentencepiece protobuf
"""

import io
import json
import shutil
from pathlib import Path

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "vicuna"
N_VOCAB = 400
COMMON = dict(
    hidden_size=32, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=512, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

CORPUS = """
### Human: What is in the picture?
### Assistant: The picture shows a panda that eats bamboo in the forest.
### Human: What can you hear in the audio?
### Assistant: The sound of rain, and a dog that barks at the door.
### Human: Is there a person in the image? How many people are there?
### Assistant: There are two people, a woman and a man, who sit on the beach and look at the sea.
### Human: Describe the video in detail.
### Assistant: In the video a child plays with a ball in the garden, then the mother calls the child.
</Img> What colour is the car?
</Img> Tell me what you see and hear.
<Img> </Img> <Img>
a## b## (#) x# ### ## # :### !### .### end## end#
Human: Assistant: Human: Assistant: Image: Audio: Video:
The quick brown fox jumps over the lazy dog. 0123456789 3.14 2023 100%
I'm not sure that it's here, but they'll know; we've seen (at least) one of them.
""".strip().splitlines()

TEXTS = [
    # The pieces of the prompt protocol (src/llm/prompt.h).
    "### Human: <Img>", "</Img> ", "### Human: ", "\n### Assistant:", "Human: ", "\n###", "###",
    "</Img> What is in the picture?\n### Assistant:", "Human: How many people are there?\n### Assistant:",
    " Human: How many?\n### Assistant:", "### Human: Who are you?\n### Assistant:",
    "The picture shows a panda.\n###", "A panda\n###", "\n###\n###", "It is so.###", "It is so ###",
    "Human:", "Assistant:", "### Human", "##", "#", "####", "#####", " ###", "  ###", "\n ###",
    "### Assistant: The sea.\n### Human: And then?\n### Assistant:", "<Img></Img>", "<Img> </Img>",
    # White space.
    " ", "  ", "   ", "    ", " a", "  a", "a ", "a  ", "a b", "a  b", "a   b", " a  b ", "\n", "\n\n",
    "\n\n\n", "\t", "\r\n", "a\nb", "a\n\nb", "a \n b", " \n ", "\u00a0", "a\u00a0b", "\u3000", "\u200b",
    "\u2581", "\u2581a", "a\u2581b", "\u2581\u2581",
    # Words, numbers, punctuation.
    "panda", "Panda", "PANDA", "pandas", "the", "The", "the the", "it's", "they'll know", "0", "42",
    "1234567890", "3.14", "1,000", "100%", "a.b", "...", "!?", "(a)", "[a]", "{a}", "\"a\"", "'a'", "`a`",
    "a-b", "a_b", "a/b", "\\", "|", "~", "^", "<s>x", "http://example.org/?q=1&r=2",
    "The quick brown fox jumps over the lazy dog.", "x" * 40, "ab" * 20, "the " * 10,
    # Unicode.
    "caf\u00e9", "cafe\u0301", "na\u00efve", "\u00fc\u00f6\u00e4\u00df", "\u041f\u0440\u0438\u0432\u0435\u0442",
    "\u039a\u03b1\u03bb\u03b7", "\u718a\u732b", "\u5927\u718a\u732b\u5403\u7af9\u5b50\u3002", "\u30d1\u30f3\u30c0",
    "\ud310\ub2e4", "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\u0939\u093f\u0928", "\u0e2b\u0e21\u0e35",
    "\u201cquoted\u201d", "\u2026", "\u2014", "\u20ac", "\ufeffa", "\ufb01", "\uff21", "\u00bd", "\ufffd",
    "\U0001f43c", "a\U0001f43cb", "\U0001f43c\U0001f38b", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e8\U0001f1f3",
    "\u2764\ufe0f", "\U0001d54f", "\U0010ffff",
]

CHAT = "### Human: What is in the picture?\n### Assistant:"


def train_vocabulary():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4), model_writer=model, vocab_size=N_VOCAB, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.99, num_threads=1,
        unk_surface=" \u2047 ", minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    for piece in proto.pieces:
        # As in LLaMA's vocabulary: one token at the start of a text, "##" and "#" after a line break.
        if piece.piece == "###":
            piece.piece = "\u2581##"
    return proto.SerializeToString(deterministic=True)


def random_model(seed, dtype, **settings):
    """A LLaMA whose weights are exact in `dtype`, held in f32; its scores depend on all of them."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**COMMON, **settings)).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            parameter.copy_(1 + 0.1 * noise if "norm" in name else
                            noise * (1.0 if "embed" in name else 0.2))
            parameter.copy_(parameter.to(dtype).float())
    return model


def stored(model, dtype):
    return {name: value.to(dtype).contiguous() for name, value in model.state_dict().items()}


def inverse_frequencies(n_layers, head_dim):
    """The buffers that transformers 4.28 saved with every layer."""
    values = 1.0 / (10000 ** (torch.arange(0, head_dim, 2).float() / head_dim))
    return {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": values for i in range(n_layers)}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


def write_old_config(path, n_vocab):
    """config.json in the form of transformers 4.28."""
    write_json(path, {
        "_name_or_path": "tiny", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
        "initializer_range": 0.02, "model_type": "llama", "pad_token_id": 0,
        "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.28.1",
        "use_cache": True, "vocab_size": n_vocab, **COMMON})


def write_tokenizer(folder, vocabulary, added=None):
    (folder / "tokenizer.model").write_bytes(vocabulary)
    special = {name: {"content": token, "lstrip": False, "normalized": True, "rstrip": False,
                      "single_word": False} for name, token in SPECIAL.items()}
    if added:
        special["pad_token"] = next(iter(added))
        write_json(folder / "added_tokens.json", added)
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "clean_up_tokenization_spaces": False,
        "model_max_length": 512, "tokenizer_class": "LlamaTokenizer",
        **{name: {"__type": "AddedToken", **token} for name, token in special.items()
           if isinstance(token, dict)}})


def write_shards(folder, tensors, n_shards):
    names = list(tensors)
    size = -(-len(names) // n_shards)
    weight_map = {}
    for i in range(n_shards):
        file = f"pytorch_model-{i + 1:05d}-of-{n_shards:05d}.bin"
        part = {name: tensors[name].clone() for name in names[i * size:(i + 1) * size]}
        torch.save(part, folder / file)
        weight_map.update(dict.fromkeys(part, file))
    total = sum(value.numel() * value.element_size() for value in tensors.values())
    write_json(folder / "pytorch_model.bin.index.json",
               {"metadata": {"total_size": total}, "weight_map": weight_map})


def apply_delta(base, delta):
    """FastChat 0.1.10: rows that the base lacks are zeros, and the sum is taken in f16."""
    target = {}
    for name, change in delta.items():
        value = torch.zeros_like(change)
        value[:len(base[name])] = base[name]
        value += change
        target[name] = value
    return target


def scores(model, ids):
    with torch.no_grad():
        return [[round(float(x), 5) for x in row] for row in model(torch.tensor([ids])).logits[0][-2:]]


def make_vicuna(vocabulary, ids):
    """base/ and delta/ -> expected scores of both, and some of the sums' bits"""
    base = random_model(1, torch.float16, vocab_size=N_VOCAB)
    tensors = stored(base, torch.float16)
    folder = FOLDER / "base"
    folder.mkdir()
    write_shards(folder, {**tensors, **inverse_frequencies(2, 8)}, 3)
    write_old_config(folder / "config.json", N_VOCAB)
    write_tokenizer(folder, vocabulary)

    wide = random_model(2, torch.float16, vocab_size=N_VOCAB + 1)
    delta = {name: (value * 0.05).half() for name, value in wide.state_dict().items()}
    folder = FOLDER / "delta"
    folder.mkdir()
    zeros = {name: value * 0 for name, value in inverse_frequencies(2, 8).items()}
    torch.save({**delta, **zeros}, folder / "pytorch_model.bin")
    write_old_config(folder / "config.json", N_VOCAB + 1)
    write_tokenizer(folder, vocabulary, {"[PAD]": N_VOCAB})

    target = apply_delta(tensors, delta)
    wide.load_state_dict({name: value.float() for name, value in target.items()})
    return {
        "base": scores(base, ids), "vicuna": scores(wide, ids),
        "vicuna_embedding_bits": {
            str(row): target["model.embed_tokens.weight"][row].view(torch.int16).tolist()
            for row in (0, 7, N_VOCAB - 1, N_VOCAB)},
        "vicuna_down_bits": target["model.layers.1.mlp.down_proj.weight"][5].view(torch.int16).tolist(),
    }


def make_gqa(vocabulary, ids):
    model = random_model(
        3, torch.bfloat16, vocab_size=N_VOCAB + 16, num_key_value_heads=2, head_dim=16,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 50000.0, "factor": 4.0})
    folder = FOLDER / "gqa"
    expected = scores(model, ids)
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    write_tokenizer(folder, vocabulary)
    return expected


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    vocabulary = train_vocabulary()
    processor = sentencepiece.SentencePieceProcessor(model_proto=vocabulary)
    ids = [processor.bos_id(), *processor.encode(CHAT)]
    expected = {"prompt": ids, **make_vicuna(vocabulary, ids), "gqa": make_gqa(vocabulary, ids),
                "texts": [{"text": text, "ids": processor.encode(text)} for text in TEXTS]}
    (FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
