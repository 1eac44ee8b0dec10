#!/usr/bin/env python3
"""A projector for other encoders than it was trained on: what to begin their training with.

    tools/train/carry_projector.py --run RUN --from OLD.gguf --to NEW.gguf --pandagpt PANDAGPT \
        --manifest photos.txt [--root DATA] --out FOLDER

The new projector's outputs on what the NEW encoders make of the listed inputs are as near as a linear
layer brings them (least squares) to the run's on what the OLD ones make of them. FOLDER gets
projector.gguf and the run's adapter.gguf, for `pandagpt-train llm --init FOLDER`. Needs numpy and gguf
(PyPI).
"""
import argparse
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data"))

from embeddings import Tensors, embed  # noqa: E402

WEIGHT, BIAS = "llama_proj.weight", "llama_proj.bias"
RIDGE = 1e-3  # of the embeddings' mean variance


def read_projector(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    file = Tensors(path)
    return file[WEIGHT], file[BIAS], int(file.value("pandagpt.projector.n_image_tokens"))


def write_projector(path: Path, weight: np.ndarray, bias: np.ndarray, n_image_tokens: int,
                    lexicon: dict | None = None) -> None:
    """`lexicon`: names, n_words, and the arrays keys, bias, words (src/tensor/panda_weights.h)."""
    part = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(part, "pandagpt-projector")
    writer.add_uint32("pandagpt.projector.n_image_tokens", n_image_tokens)
    writer.add_uint32("pandagpt.projector.n_in", weight.shape[1])
    writer.add_uint32("pandagpt.projector.n_embd", weight.shape[0] // n_image_tokens)
    writer.add_tensor(WEIGHT, weight.astype(np.float32))
    writer.add_tensor(BIAS, bias.astype(np.float32))
    if lexicon:
        writer.add_uint32("pandagpt.lexicon.n_words", lexicon["n_words"])
        writer.add_array("pandagpt.lexicon.names", lexicon["names"])
        writer.add_tensor("lexicon.keys.weight", lexicon["keys"].astype(np.float16))
        writer.add_tensor("lexicon.keys.bias", lexicon["bias"].astype(np.float32))
        writer.add_tensor("lexicon.words", lexicon["words"].astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def fit(inputs: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight (out, in) and bias (out)."""
    mean_in, mean_out = inputs.mean(0), outputs.mean(0)
    centred = inputs - mean_in
    gram = centred.T @ centred
    gram += RIDGE * np.diag(gram).mean() * np.eye(len(gram))
    weight = np.linalg.solve(gram, centred.T @ (outputs - mean_out)).T
    return weight, mean_out - weight @ mean_in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="projector.gguf, adapter.gguf")
    parser.add_argument("--from", dest="old", type=Path, required=True, help="the run's encoders")
    parser.add_argument("--to", dest="new", type=Path, required=True, help="the new ones")
    parser.add_argument("--pandagpt", type=Path, required=True, help="the program")
    parser.add_argument("--manifest", type=Path, required=True, help="inputs that both take")
    parser.add_argument("--root", type=Path, default=Path("."))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    weight, bias, n_image_tokens = read_projector(args.run / "projector.gguf")
    inputs = args.manifest.read_text(encoding="utf-8").splitlines()
    old, new = (embed(args.pandagpt, encoders, args.root, inputs)
                for encoders in (args.old, args.new))
    outputs = old @ weight.T + bias
    carried, offset = fit(new, outputs)
    rest = np.square(new @ carried.T + offset - outputs).sum()
    print(f"{len(new)} inputs; {1 - rest / np.square(outputs - outputs.mean(0)).sum():.4f} of the "
          "variance of the old projector's outputs is kept")
    args.out.mkdir(parents=True, exist_ok=True)
    write_projector(args.out / "projector.gguf", carried, offset, n_image_tokens)
    shutil.copyfile(args.run / "adapter.gguf", args.out / "adapter.gguf")


if __name__ == "__main__":
    main()
