#!/usr/bin/env python3
"""A projector with a lexicon: it says names beside its own embeddings of an input.

    tools/train/lexicon.py --run RUN --root DATA --pandagpt PANDAGPT --trunk TRUNK.gguf \
        --encoders ENCODERS.gguf --llm LLM.gguf --model MODEL --list DATA/sounds.jsonl .. --out FOLDER

A linear classifier of the joint space, whose classes are the trunk's 1,000 and the labels of the lists
(sounds, motions, ..), is fitted to what the trunk's classifier says of photos and of features made of its
own class means (tools/data/class_embeddings.py), and to the lists' labels. Its softmax is the lexicon's
attention over names; their values are the token embeddings that the language model has of them anyway, so
that it reads an input's name as it reads a word. FOLDER gets RUN's projector with the lexicon and RUN's
adapter, for `pandagpt-train llm --init FOLDER`. Needs numpy, gguf and torch (PyPI).
"""
import argparse
import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from carry_projector import read_projector, write_projector

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "data"), str(ROOT / "tests")]

import class_embeddings as classes  # noqa: E402
import serve_process  # noqa: E402
from embeddings import Tensors, embed_labelled  # noqa: E402

STEPS = 600
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
DROPOUT = 0.1
MADE, CAPTIONED, THINGS, LISTED = 1000, 500, 400, 200  # examples of a step; LISTED of each list
RESIDUAL = (0.7, 1.4)  # of one photo's difference from its class's mean
SHARPNESS = 1.5        # of the shares beside the classifier's: a mixture of names is no word
# Tokens of a name; 19 of 20 have no more, and no two begin with the same four.
N_WORDS = 4
PADDING = "\n"
# What tells no two names apart is left out of them, so that more of the rest fits in.
SMALL_WORDS = frozenset("a an and at by in it of on or something the to with".split())


def short(name: str) -> str:
    return " ".join(word for word in name.split() if word not in SMALL_WORDS)


def word_embeddings(names: list[str], llm: Path, program: Path, model: Path) -> np.ndarray:
    """(names, N_WORDS * n_embd)."""
    embeddings = Tensors(llm)["token_embd.weight"]

    with serve_process.server(program, "--model", str(model)) as url:
        def tokens(text: str) -> list[int]:
            request = urllib.request.Request(url + "/tokenize", json.dumps({"content": text}).encode(),
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as response:
                return json.load(response)["tokens"]

        padding = tokens(PADDING)[:1] * N_WORDS
        rows = [(tokens(f" {short(name)}") + padding)[:N_WORDS] for name in names]
    return embeddings[np.array(rows)].reshape(len(names), -1)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)


class Listed(NamedTuple):
    embeddings: torch.Tensor
    labels: torch.Tensor  # numbers of names


class Examples:
    """Embeddings, and the shares that names have in them."""

    def __init__(self, known: classes.Known, lists: list[Listed], n_names: int, seed: int):
        tower = known.tower
        self._means, self._residuals = tensor(known.means), tensor(known.residuals)
        self._things, self._captioned = tensor(known.things), tensor(known.captioned)
        self._weight, self._bias = tensor(tower.weight), tensor(tower.bias)
        self._head, self._head_bias = tensor(tower.head), tensor(tower.head_bias)
        self._scale = tower.scale
        self._lists = lists
        self._n_names = n_names
        self._random = torch.Generator().manual_seed(seed)

    def _some(self, rows: torch.Tensor, count: int) -> torch.Tensor:
        return torch.randint(len(rows), (count,), generator=self._random)

    def _made(self) -> torch.Tensor:
        angle = torch.rand(MADE, 1, generator=self._random) * np.pi / 2
        share = RESIDUAL[0] + (RESIDUAL[1] - RESIDUAL[0]) * torch.rand(MADE, 1, generator=self._random)
        one, other = (self._residuals[self._some(self._residuals, MADE)] for _ in range(2))
        residual = one * angle.cos() + other * angle.sin()
        return (self._means[self._some(self._means, MADE)] + share * residual).clamp(min=0)

    def step(self) -> tuple[torch.Tensor, torch.Tensor]:
        features = torch.cat([self._made(), self._captioned[self._some(self._captioned, CAPTIONED)],
                              self._things[self._some(self._things, THINGS)]])
        said = torch.softmax(features @ self._weight.T + self._bias, 1)
        rows = [self.embeddings(features)]
        shares = [torch.nn.functional.pad(said, (0, self._n_names - said.shape[1]))]
        for listed in self._lists:
            drawn = self._some(listed.labels, LISTED)
            rows.append(listed.embeddings[drawn])
            shares.append(torch.nn.functional.one_hot(listed.labels[drawn], self._n_names).float())
        return torch.cat(rows), torch.cat(shares)

    def embeddings(self, features: torch.Tensor) -> torch.Tensor:
        mapped = features @ self._head.T + self._head_bias
        return self._scale * torch.nn.functional.normalize(mapped, dim=1)

    def mean_embedding(self) -> torch.Tensor:
        return self.embeddings(torch.cat([self._captioned, self._things])).mean(0)


def fit_keys(examples: Examples, n_names: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys (names, width) and bias (names)."""
    mean = examples.mean_embedding()
    keys = torch.zeros(n_names, len(mean), requires_grad=True)
    bias = torch.zeros(n_names, requires_grad=True)
    optimizer = torch.optim.AdamW([{"params": [keys], "weight_decay": WEIGHT_DECAY},
                                   {"params": [bias], "weight_decay": 0.0}], lr=LEARNING_RATE)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - step / STEPS)
        embeddings, wanted = examples.step()
        logits = torch.nn.functional.dropout(embeddings - mean, DROPOUT) @ keys.T + bias
        loss = -(wanted * torch.log_softmax(logits, 1)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            agreed = (logits.argmax(1) == wanted.argmax(1)).float().mean()
            print(f"step {step + 1}: loss {loss.item():.3f}, same name {agreed.item():.3f}")
    keys, bias = SHARPNESS * keys.detach(), SHARPNESS * bias.detach()
    return keys, bias - keys @ mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    classes.add_arguments(parser)
    for name, what in (("run", "its --out: projector.gguf, adapter.gguf"),
                       ("llm", "language model, GGUF"),
                       ("model", "a model folder with this language model"), ("out", "folder")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--list", type=Path, action="append", default=[],
                        help="labelled inputs of other senses (training parts)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    known = classes.read_known(args)
    labelled = [embed_labelled(args.pandagpt, args.encoders, path) for path in args.list]
    names = list(known.names)
    names += sorted({label for _, labels in labelled for label in labels} - set(names))
    number = {name: index for index, name in enumerate(names)}
    lists = [Listed(tensor(rows), torch.tensor([number[label] for label in labels]))
             for rows, labels in labelled]
    keys, bias = fit_keys(Examples(known, lists, len(names), args.seed), len(names))
    words = word_embeddings(names, args.llm, args.pandagpt, args.model)

    weight, offset, n_image_tokens = read_projector(args.run / "projector.gguf")
    args.out.mkdir(parents=True, exist_ok=True)
    write_projector(args.out / "projector.gguf", weight, offset, n_image_tokens,
                    {"names": names, "n_words": N_WORDS, "keys": keys.numpy(), "bias": bias.numpy(),
                     "words": words})
    shutil.copyfile(args.run / "adapter.gguf", args.out / "adapter.gguf")


if __name__ == "__main__":
    main()
