#!/usr/bin/env bash
# One would guess: vectors with the same score (the same picture in two files) come in the order of
# their ids, or at least in one order, and the best of 1 is also the first of 10.
# So it is: with the L2 metric they do. With the inner product, which embeddings are compared by,
# the same index gives them backwards, the highest id first. With k = 1 the first of the equals is
# found; with k = 2, 3, 10 the first row is another one each time, until k holds them all. So recall
# at 1 depends on the k that was searched with, an item that looks for itself finds its copy, and a
# longer list of results doesn't begin with the shorter one.
# Seen with faiss-cpu 1.15.1. Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    faiss-cpu==1.15.1 numpy==2.4.6

OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 timeout 120 "$folder/venv/bin/python" - <<'PYTHON'
import sys

import faiss
import numpy as np

WIDTH, COUNT = 64, 2000
COPIES = [5, 100, 300, 700, 1500]
SIZES = [1, 2, 3, 5, 10, 100]


def vectors():
    values = np.random.default_rng(1).standard_normal((COUNT, WIDTH)).astype(np.float32)
    faiss.normalize_L2(values)
    values[COPIES] = values[COPIES[0]]
    return values


def results(index, query, size):
    scores, ids = index.search(query, size)
    found = ids[0][:len(COPIES)].tolist()
    equal = scores[0][:len(found)]
    assert (equal == equal[0]).all() and set(found) <= set(COPIES)
    return found


rows = vectors()
query = rows[COPIES[:1]]
print(f"faiss {faiss.__version__}, numpy {np.__version__}; five equal vectors: {COPIES}")
changed = 0
for kind in ("Flat", "IDMap,Flat", "SQfp16", "IVF16,Flat"):
    for metric, is_backwards in ((faiss.METRIC_L2, False), (faiss.METRIC_INNER_PRODUCT, True)):
        index = faiss.index_factory(WIDTH, kind, metric)
        index.train(rows)
        if kind.startswith("IDMap"):
            index.add_with_ids(rows, np.arange(COUNT))
        else:
            index.add(rows)
        if kind.startswith("IVF"):
            index.nprobe = 16
        found = {size: results(index, query, size) for size in SIZES}
        holds = all(ids == COPIES[:size][::-1 if is_backwards else 1]
                    for size, ids in found.items())
        firsts = ", ".join(f"{ids[0]}" for ids in found.values())
        print(f"{kind}, {'inner product' if is_backwards else 'L2'}: 10 best begin with "
              f"{found[10]}; the best of {SIZES}: {firsts}{'' if holds else '  <- CHANGED'}")
        changed += not holds
sys.exit(f"{changed} of 8 have changed" if changed else 0)
PYTHON
