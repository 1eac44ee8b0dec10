#!/usr/bin/env python3
"""A second image token that lies in the language model's own space of words.

    tools/train/word_projector.py --run RUN --root DATA --pandagpt PANDAGPT --trunk TRUNK.gguf \
        --encoders ENCODERS.gguf --llm LLM.gguf --model MODEL --out FOLDER

RUN's projector makes one embedding of an input. This adds a second one, W (e - mean): its products with
the classes' names, each the mean of its tokens' embeddings in the language model, are fitted to what the
trunk's classifier says (distillation), on training photos and on features made of the classifier's own
class means (tools/data/class_embeddings.py). A language model whose output shares its token embeddings
can say such a vector as it stands. FOLDER is for `pandagpt-train llm --init FOLDER --image-tokens 2`.
Needs numpy, gguf and torch (PyPI).
"""
import argparse
import json
import shutil
import sys
import urllib.request
from pathlib import Path

import numpy as np
import torch
from carry_projector import read_projector, write_projector

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "data"), str(ROOT / "tests")]

import class_embeddings as classes  # noqa: E402
import serve_process  # noqa: E402
from embeddings import Tensors, unit  # noqa: E402

STEPS = 600
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
DROPOUT = 0.1
MADE, CAPTIONED, THINGS = 1200, 500, 400  # examples of a step, of each kind
RESIDUAL = (0.7, 1.4)                     # of one photo's difference from its class's mean
FIRST_SCALE = 2.0                         # of the logits, learned


def name_vectors(names: list[str], llm: Path, program: Path, model: Path) -> np.ndarray:
    """(1000, n_embd): mean token embedding of each name, without the mean of all, of length 1."""
    embeddings = Tensors(llm)["token_embd.weight"]
    vectors = []
    with serve_process.server(program, "--model", str(model)) as url:
        for name in names:
            request = urllib.request.Request(
                url + "/tokenize", json.dumps({"content": f" {name}"}).encode(),
                {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as response:
                vectors.append(embeddings[json.load(response)["tokens"]].mean(0))
    rows = np.stack(vectors)
    return unit(rows - rows.mean(0))


class Examples:
    """Pooled features to learn from, and what the tower makes of them."""

    def __init__(self, known: classes.Known, seed: int):
        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)

        tower = known.tower
        self._means, self._residuals = tensor(known.means), tensor(known.residuals)
        self._things, self._captioned = tensor(known.things), tensor(known.captioned)
        self._weight, self._bias = tensor(tower.weight), tensor(tower.bias)
        self._head, self._head_bias = tensor(tower.head), tensor(tower.head_bias)
        self._scale = tower.scale
        self._random = torch.Generator().manual_seed(seed)

    def _draw(self, rows: torch.Tensor, count: int) -> torch.Tensor:
        return rows[torch.randint(len(rows), (count,), generator=self._random)]

    def step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings, and the classifier's probabilities for them."""
        angle = torch.rand(MADE, 1, generator=self._random) * np.pi / 2
        share = RESIDUAL[0] + (RESIDUAL[1] - RESIDUAL[0]) * torch.rand(MADE, 1, generator=self._random)
        residual = (self._draw(self._residuals, MADE) * angle.cos()
                    + self._draw(self._residuals, MADE) * angle.sin())
        made = (self._draw(self._means, MADE) + share * residual).clamp(min=0)
        features = torch.cat([made, self._draw(self._captioned, CAPTIONED),
                              self._draw(self._things, THINGS)])
        return self.embeddings(features), torch.softmax(features @ self._weight.T + self._bias, 1)

    def embeddings(self, features: torch.Tensor) -> torch.Tensor:
        mapped = features @ self._head.T + self._head_bias
        return self._scale * torch.nn.functional.normalize(mapped, dim=1)

    def mean_embedding(self) -> torch.Tensor:
        return self.embeddings(torch.cat([self._captioned, self._things])).mean(0)


def distil(examples: Examples, names: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (n_embd, width) and bias of the token."""
    mean = examples.mean_embedding()
    weight = torch.zeros(names.shape[1], len(mean), requires_grad=True)
    log_scale = torch.tensor(np.log(FIRST_SCALE), dtype=torch.float32, requires_grad=True)
    optimizer = torch.optim.AdamW([weight, log_scale], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / STEPS)
        embeddings, wanted = examples.step()
        kept = torch.nn.functional.dropout(embeddings - mean, DROPOUT)
        logits = kept @ weight.T @ names.T * log_scale.exp()
        loss = -(wanted * torch.log_softmax(logits, 1)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            agreed = (logits.argmax(1) == wanted.argmax(1)).float().mean()
            print(f"step {step + 1}: loss {loss.item():.3f}, same class {agreed.item():.3f}")
    return weight.detach(), -(weight.detach() @ mean)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    classes.add_arguments(parser)
    for name, what in (("run", "its --out: projector.gguf, adapter.gguf"),
                       ("llm", "language model, GGUF"),
                       ("model", "a model folder with this language model"), ("out", "folder")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    known = classes.read_known(args)
    vectors = name_vectors(known.names, args.llm, args.pandagpt, args.model)
    weight, bias = distil(Examples(known, args.seed),
                          torch.tensor(vectors, dtype=torch.float32))

    first, first_bias, n_image_tokens = read_projector(args.run / "projector.gguf")
    args.out.mkdir(parents=True, exist_ok=True)
    write_projector(args.out / "projector.gguf", np.concatenate([first, weight.double().numpy()]),
                    np.concatenate([first_bias, bias.double().numpy()]), n_image_tokens + 1)
    shutil.copyfile(args.run / "adapter.gguf", args.out / "adapter.gguf")


if __name__ == "__main__":
    main()
