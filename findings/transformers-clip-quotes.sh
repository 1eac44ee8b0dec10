#!/usr/bin/env bash
# One would guess: transformers' CLIPTokenizer gives the tokens that CLIP was trained with, and
# CLIPTokenizerFast the same.
# So it is: CLIP's own tokenizer (and ImageBind's copy of it) repairs text with ftfy first: curly
# quotes become straight, HTML references are resolved, ligatures are taken apart. In transformers 4
# CLIPTokenizer does so if ftfy happens to be installed, with no message if not (a line in the log
# at info level), and CLIPTokenizerFast never does. In transformers 5 CLIPTokenizer is the fast one.
# So "the dog's ball" with the apostrophe of a phone's keyboard has other tokens, hence another
# embedding, after an upgrade or without ftfy. LanguageBind's tokenizer is derived from the slow
# one.
# Seen with transformers 4.57.1, 5.24.0, ftfy 6.3.1. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/clip_tokens.py" <<'PYTHON'
import json
import sys
from pathlib import Path

import transformers

END = "</w>"


def write_vocabulary(folder):
    """CLIP's vocabulary without merges: each byte, and each byte at the end of a word."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in shown]
    letters = [chr(value) for value in shown] + [chr(256 + i) for i in range(len(others))]
    tokens = letters + [letter + END for letter in letters]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    ids = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text("#version: 0.2\n")


folder = Path(sys.argv[1])
write_vocabulary(folder)
found = {}
for name in ("CLIPTokenizer", "CLIPTokenizerFast"):
    tokenizer = getattr(transformers, name).from_pretrained(folder)
    found[name] = ["".join(tokenizer.tokenize(text)) for text in json.loads(sys.argv[2])]
print(json.dumps([transformers.__version__, found]))
PYTHON

cat >"$folder/compare.py" <<'PYTHON'
import json
import os
import subprocess
import sys

folder = sys.argv[1]
# Each with a text that should have the same tokens.
PAIRS = {
    "apostrophe": ("the dog\u2019s ball", "the dog's ball"),
    "quotes": ("a \u201cstop\u201d sign", 'a "stop" sign'),
    "HTML reference": ("cats &amp; dogs", "cats & dogs"),
    "ligature": ("a \ufb01lm", "a film"),
}
CLASSES = ("CLIPTokenizer", "CLIPTokenizerFast")


def pip(environment, *arguments):
    subprocess.run([f"{folder}/{environment}/bin/pip", "--quiet", "--disable-pip-version-check",
                    *arguments], check=True)


def install(environment, *packages):
    subprocess.run([sys.executable, "-m", "venv", f"{folder}/{environment}"], check=True)
    pip(environment, "install", "--no-compile", "--only-binary=:all:", *packages)


def changes(environment, what, expected):
    """Prints whose tokens are those of the repaired text; how many of the classes have changed."""
    texts = [text for pair in PAIRS.values() for text in pair]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": folder, "TRANSFORMERS_VERBOSITY": "error"}
    python = f"{folder}/{environment}/bin/python"
    result = subprocess.run(
        [python, f"{folder}/clip_tokens.py", folder, json.dumps(texts)],
        check=True, stdout=subprocess.PIPE, text=True, env=os.environ | quiet)
    version, found = json.loads(result.stdout)
    changed = 0
    for name, as_clip in zip(CLASSES, expected):
        pairs = zip(PAIRS, found[name][::2], found[name][1::2])
        others = [label for label, text, plain in pairs if text != plain]
        holds = len(others) == (0 if as_clip else len(PAIRS))
        print(f"transformers {version} {what}, {name}: "
              f"{'other tokens for ' + ', '.join(others) if others else 'as CLIP'}"
              f"{'' if holds else '  <- CHANGED'}")
        changed += not holds
    return changed


# What is seen: are the tokens of both classes CLIP's?
install("4", "transformers==4.57.1", "ftfy==6.3.1")
changed = changes("4", "with ftfy", (True, False))
pip("4", "uninstall", "--yes", "ftfy")
changed += changes("4", "without ftfy", (False, False))
install("5", "transformers==5.24.0", "ftfy==6.3.1")
changed += changes("5", "with ftfy", (False, False))
sys.exit(f"{changed} of 6 have changed" if changed else 0)
PYTHON
timeout 300 python3 "$folder/compare.py" "$folder"
