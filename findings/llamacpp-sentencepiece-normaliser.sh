#!/usr/bin/env bash
# One would guess: a SentencePiece BPE model that is written into a GGUF file (tokens, scores,
# kinds) gives the same tokens in llama.cpp as in SentencePiece.
# So it is: only if the model was trained with the "identity" rule and without removing spaces, as
# LLaMA's was. llama.cpp has no normaliser for this kind of vocabulary, and SentencePiece's trainer
# puts one in unless told otherwise (nmt_nfkc, extra spaces removed). So with a model of one's own,
# two spaces, a space at either end, line breaks, tabs, ligatures, full-width letters and accents
# written as two characters become other tokens than in training; no message. The key
# tokenizer.ggml.remove_extra_whitespaces changes nothing: it is for another kind of vocabulary.
# Seen with sentencepiece 0.2.3, xllamacpp 2026.10.11549 (llama.cpp). Fails if this has changed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    sentencepiece==0.2.3 xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" timeout 170 \
    "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import io
import sys
from importlib.metadata import version

import gguf
import numpy as np
import sentencepiece

from tiny_llama import post, serve, write_model

WORDS = ("panda camera the a sees bear river sound of rain picture film finds office first "
         "x").split()
TEXTS = {
    "a sentence": "the panda sees a river",
    "two spaces": "the  panda",
    "space before": " the panda",
    "space behind": "the panda ",
    "line break": "the panda\nsees",
    "tab": "the\tpanda",
    "ligature": "a \ufb01lm",
    "full width": "\uff46\uff49\uff4c\uff4d",
    "accent apart": "cafe\u0301",
    "squared": "x\u00b2",
}
AS_LLAMA = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
# What is seen: the trainer's options -> texts with other tokens
SPACES = {"two spaces", "space before", "space behind"}
EXPECTED = {
    "as LLaMA's (identity, spaces kept)": (AS_LLAMA, set()),
    "identity": ({"normalization_rule_name": "identity"}, SPACES),
    "the trainer's defaults": ({}, set(TEXTS) - {"a sentence"}),
    "the trainer's defaults, key for spaces": ({}, set(TEXTS) - {"a sentence"}),
}


def train(options):
    random = np.random.default_rng(1)
    lines = [" ".join(random.choice(WORDS, 8)) for _ in range(2000)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=340,
        byte_fallback=True, character_coverage=1.0, hard_vocab_limit=False, minloglevel=2,
        **options)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def kind_of(model, token):
    if model.is_unknown(token):
        return gguf.TokenType.UNKNOWN
    if model.is_control(token):
        return gguf.TokenType.CONTROL
    return gguf.TokenType.BYTE if model.is_byte(token) else gguf.TokenType.NORMAL


def llama_tokens(server, text):
    return post(server, "/tokenize", {"content": text, "add_special": False})["tokens"]


path = f"{sys.argv[1]}/model.gguf"
print(f"sentencepiece {version('sentencepiece')}, xllamacpp {version('xllamacpp')}, "
      f"gguf {version('gguf')}")
changed = 0
for name, (options, expected) in EXPECTED.items():
    model = train(options)
    ids = range(model.get_piece_size())
    write_model(path, [(model.id_to_piece(i), kind_of(model, i)) for i in ids],
                scores=[model.get_score(i) for i in ids],
                more=gguf.GGUFWriter.add_remove_extra_whitespaces if "key" in name else None)
    server = serve(path)
    differ = set()
    print(name)
    for label, text in TEXTS.items():
        theirs, ours = model.encode(text), llama_tokens(server, text)
        if theirs != ours:
            differ.add(label)
            print(f"  {label} {text!r}: SentencePiece {[model.id_to_piece(i) for i in theirs]}, "
                  f"llama.cpp {[model.id_to_piece(i) for i in ours]}")
    print(f"  {len(differ)} of {len(TEXTS)} texts have other tokens"
          f"{'' if differ == expected else '  <- CHANGED'}")
    changed += differ != expected
    del server
sys.exit(f"{changed} of {len(EXPECTED)} have changed" if changed else 0)
PYTHON
