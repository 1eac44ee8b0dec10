"""Compares ImageBind-Huge at full size, with random weights, with the reference code. By hand: each
tower takes up to 10 GB of memory, 8 GB of disk and some minutes.

    cmake --build --preset release          (bench/imagebind_parity and pandagpt are run)
    python imagebind_full_size.py FOLDER [--towers vision,audio] [--types f32,bf16,q8_0]

For each tower: the reference's modules at their published sizes get random weights, FOLDER/TOWER.pth
is saved under the official names, and the embeddings of random inputs are computed in f32. Then
`pandagpt convert imagebind` makes an encoders file of each type, and imagebind_parity prints how far
the embeddings are apart. Files that are there already are used again.
"""

import argparse
import functools
import pathlib
import subprocess
import unittest.mock

import numpy as np
import torch

from imagebind_reference import imagebind_model, randomise

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOWERS = ["vision", "video", "text", "audio", "depth", "thermal", "imu"]  # video: of vision's tower
# What is computed in, for a file of each type.
COMPUTE_TYPES = {"f32": "f32", "f16": "f32", "bf16": "bf16", "q8_0": "int8"}
GROUPS = ["preprocessors", "trunks", "heads", "postprocessors"]


def tower_modules(tower):
    """The modules of one tower, with names as in the whole model, and memory for them only."""
    on_cpu = functools.partial(torch.linspace, device="cpu")  # its numbers are read at once
    with unittest.mock.patch("torch.linspace", on_cpu), torch.device("meta"):
        whole = imagebind_model.imagebind_huge()
    parts = torch.nn.ModuleDict()
    for group in GROUPS:
        parts[f"modality_{group}"] = torch.nn.ModuleDict(
            {tower: getattr(whole, f"modality_{group}")[tower]})
    parts.to_empty(device="cpu")
    for module in parts.modules():  # values that no initialisation is left for
        if hasattr(module, "log_logit_scale"):
            torch.nn.init.constant_(module.log_logit_scale, np.log(module.logit_scale_init))
    if tower == "text":
        mask = parts["modality_preprocessors"]["text"].mask
        mask.fill_(float("-inf")).triu_(1)
    return parts.eval()


def random_input(name, generator):
    if name == "text":
        tokens = torch.zeros(3, 77, dtype=torch.long)
        for text, n_words in zip(tokens, (2, 9, 75)):
            text[0] = 49406
            text[1:n_words + 1] = torch.randint(1, 49406, (n_words,), generator=generator)
            text[n_words + 1] = 49407
        return tokens
    shape = {"vision": (3, 224, 224), "video": (3, 2, 224, 224), "audio": (1, 128, 204),
             "depth": (1, 224, 224), "thermal": (1, 224, 224), "imu": (6, 2000)}[name]
    return torch.randn(2, *shape, generator=generator)


def embed(parts, tower, values):
    """ImageBindModel.forward of one tower, without the mean over clips."""
    with torch.no_grad():
        prepared = parts["modality_preprocessors"][tower](**{tower: values})
        x = parts["modality_trunks"][tower](**prepared["trunk"])
        x = parts["modality_heads"][tower](x, **prepared["head"])
        return parts["modality_postprocessors"][tower](x)


def make_tower(folder, tower, names):
    """Saves the tower and, for each name, inputs and embeddings."""
    done = [folder / f"{name}.expected" for name in names] + [folder / f"{tower}.pth"]
    if all(path.exists() for path in done):
        return
    generator = torch.Generator().manual_seed(TOWERS.index(tower))
    parts = tower_modules(tower)
    randomise(parts, generator)
    torch.save(parts.state_dict(), folder / f"{tower}.pth")
    for name in names:
        values = random_input(name, generator)
        kind = np.int32 if name == "text" else np.float32
        values.numpy().astype(kind).tofile(folder / f"{name}.input")
        embed(parts, tower, values).numpy().tofile(folder / f"{name}.expected")


def compare(folder, tower, names, file_type, build, keep):
    encoders = folder / f"{tower}.{file_type}.gguf"
    if not encoders.exists():
        vocabulary = ["--vocab", str(folder / "bpe_simple_vocab_16e6.txt.gz")]
        subprocess.run([build / "src/cli/pandagpt", "convert", "imagebind", folder / f"{tower}.pth",
                        "-o", encoders, "--type", file_type] +
                       (vocabulary if tower == "text" else []), check=True,
                       stdout=subprocess.DEVNULL)
    for name in names:
        subprocess.run([build / "bench/imagebind_parity", encoders, tower, folder / f"{name}.input",
                        folder / f"{name}.expected", "--compute", COMPUTE_TYPES[file_type]],
                       check=True)
    if not keep:
        encoders.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--towers", default="vision,text,audio,depth,thermal,imu")
    parser.add_argument("--types", default="f32,bf16,q8_0")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--keep", action="store_true", help="keep the converted files")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for tower in options.towers.split(","):
        names = [tower, "video"] if tower == "vision" else [tower]
        make_tower(options.folder, tower, names)
        for file_type in options.types.split(","):
            compare(options.folder, tower, names, file_type, options.build, options.keep)


if __name__ == "__main__":
    main()
