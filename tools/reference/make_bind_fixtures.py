"""Writes tests/fixtures/bind/reference.gguf: what PyTorch computes for the contrastive loss, alone
and behind the reference's own towers.

    pip install gguf, and what imagebind_reference.py needs
    python make_bind_fixtures.py            (after make_imagebind_fixtures.py)

loss.a, loss.b, loss.log_scale      embeddings of six pairs and the logarithm of 1 / temperature
CASE.loss, CASE.grad_a, .grad_b,    for the cases of CASES: plain InfoNCE; pairs of the same thing,
CASE.grad_log_scale                 which aren't each other's negatives; mixed first sides
towers.imu, towers.text             inputs of the tiny ImageBind of tests/fixtures/imagebind
towers.loss, grad.NAME       plain InfoNCE of its IMU and text embeddings, and the gradient of
                                    every parameter, by the state dict's names

Computed in doubles.
"""

import math
import pathlib

import gguf
import numpy as np
import torch
import torch.nn.functional as F

from make_imagebind_fixtures import FIXTURES as IMAGEBIND
from make_imagebind_fixtures import TOWERS, TinyImageBind, pattern, random_texts

OUT = IMAGEBIND.parent / "bind" / "reference.gguf"
N, WIDTH = 6, 8
# Pairs 0 and 2 have the same text, pairs 3 and 5 the same group.
SAME = [(0, 2), (3, 5)]
PARTNER = [1, 2, 0, 5, 4, 3]
SHARE = [0.75, 0.5, 0.625, 0.75, 0.875, 0.5]


def same(i, j):
    return i == j or (i, j) in SAME or (j, i) in SAME


def plain(logits):
    numbers = torch.arange(len(logits))
    return (F.cross_entropy(logits, numbers) + F.cross_entropy(logits.T, numbers)) / 2


def soft(logits, weight, hidden):
    """Cross entropy with the weights over what isn't hidden, both ways."""
    total = 0
    for scores, targets, gone in ((logits, weight, hidden),
                                  (logits.T, weight.T / weight.sum(0)[:, None], hidden.T)):
        rows = [-(t[~g] * s[~g].log_softmax(0)).sum() for s, t, g in zip(scores, targets, gone)]
        total = total + torch.stack(rows).mean()
    return total / 2


def duplicates(logits):
    hidden = torch.tensor([[same(i, j) and i != j for j in range(N)] for i in range(N)])
    return soft(logits, torch.eye(N, dtype=logits.dtype), hidden)


def mixed(logits):
    weight = torch.zeros(N, N, dtype=logits.dtype)
    hidden = torch.zeros(N, N, dtype=torch.bool)
    for i, (other, share) in enumerate(zip(PARTNER, SHARE)):
        if same(i, other):
            share = 1.0
        weight[i, i] += share
        weight[i, other] += 1 - share
        for j in range(N):
            related = same(i, j) or (share < 1 and same(other, j))
            hidden[i, j] = related and weight[i, j] == 0
    return soft(logits, weight, hidden)


CASES = {"plain": plain, "duplicates": duplicates, "mixed": mixed}


def loss_tensors(generator):
    a, b = (torch.randn(N, WIDTH, generator=generator, dtype=torch.float64) for _ in range(2))
    log_scale = torch.tensor(math.log(1 / 0.2), dtype=torch.float64)
    result = {"loss.a": a, "loss.b": b, "loss.log_scale": log_scale}
    for name, case in CASES.items():
        leaves = [x.clone().requires_grad_() for x in (a, b, log_scale)]
        logits = leaves[2].exp() * F.normalize(leaves[0]) @ F.normalize(leaves[1]).T
        loss = case(logits)
        loss.backward()
        result[f"{name}.loss"] = loss
        result |= {f"{name}.grad_{x}": leaf.grad
                   for x, leaf in zip(("a", "b", "log_scale"), leaves)}
    return result


def tower_tensors(generator):
    model = TinyImageBind().eval()
    model.load_state_dict(torch.load(IMAGEBIND / "tiny.pth"))
    model = model.double()
    tokens = random_texts(generator)
    channels, _, _, steps = TOWERS["imu"]["input"]
    values = pattern(len(tokens), channels, steps)
    # every row another size: the pattern's are much alike
    values = values * torch.tensor([1.0, -0.5, 2.0], dtype=values.dtype)[:, None, None]
    embeddings = model({"imu": values, "text": tokens})
    logits = 5.0 * F.normalize(embeddings["imu"]) @ F.normalize(embeddings["text"]).T
    loss = plain(logits)
    loss.backward()
    result = {"towers.imu": values, "towers.text": tokens, "towers.loss": loss}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and "log_logit_scale" not in name:
            result[f"grad.{name}"] = parameter.grad
    return result


def write(path, tensors):
    writer = gguf.GGUFWriter(str(path), "pandagpt-fixture")
    writer.add_string("fixture.generator", "tools/reference/make_bind_fixtures.py")
    for name, tensor in tensors.items():
        flat = tensor.detach().reshape(tensor.shape[0] if tensor.dim() else 1, -1).numpy()
        kind = np.int32 if np.issubdtype(flat.dtype, np.integer) else np.float32
        writer.add_tensor(name, np.ascontiguousarray(flat, kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    generator = torch.Generator().manual_seed(3)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write(OUT, loss_tensors(generator) | tower_tensors(generator))


if __name__ == "__main__":
    main()
