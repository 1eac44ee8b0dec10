#!/usr/bin/env bash
# One would guess: the more bits a ggml type has, the nearer the weights stay to the original,
# whatever their size, as every block has its own scale.
# So it is: Q6_K, Q5_K, Q4_K and IQ4_XS divide a block's scale by up to 127 before they store it as
# a 16-bit float, which has nothing below 6e-8. A matrix with a standard deviation of 3e-5 becomes
# zeros in Q6_K and IQ4_XS, while Q4_0 and even Q2_K keep it; at 1e-5 Q5_K is farther from the
# weights than zeros would be. Nothing is said. Language models seldom have such small weights, but
# LoRA factors after a few steps of training do, and matrices into which a small scale was folded.
# Seen with xllamacpp 2026.10.11549 (llama.cpp's ggml). Fails if this has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: \
    xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6

timeout 120 "$folder/venv/bin/python" - <<'PYTHON'
import ctypes
import sys
from importlib.metadata import version

import gguf
import numpy as np
import xllamacpp.xllamacpp
from gguf import GGMLQuantizationType as Type

ROWS, COLUMNS = 64, 1024
TYPES = [Type.Q8_0, Type.Q6_K, Type.Q5_K, Type.Q4_K, Type.IQ4_XS, Type.Q4_0, Type.Q3_K, Type.Q2_K]
DEVIATIONS = [2e-2, 3e-4, 1e-4, 3e-5, 1e-5]

ggml = ctypes.CDLL(xllamacpp.xllamacpp.__file__)  # the module has all of llama.cpp in it
ggml.ggml_version.restype = ctypes.c_char_p
ggml.ggml_row_size.restype = ctypes.c_size_t
ggml.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                                     ctypes.c_int64, ctypes.c_int64, ctypes.c_int64,
                                     ctypes.c_void_p]


def there_and_back(values, kind):
    """float32 (rows, columns), quantised by ggml without an importance matrix."""
    stored = np.empty(ggml.ggml_row_size(kind, COLUMNS) * ROWS, np.uint8)
    written = ggml.ggml_quantize_chunk(kind, values.ctypes.data, stored.ctypes.data, 0, ROWS,
                                       COLUMNS, None)
    assert written == stored.size
    return gguf.dequantize(stored.reshape(ROWS, -1), kind)


def length(values):
    return np.sqrt(np.mean(np.square(values, dtype=np.float64)))


normal = np.random.default_rng(1).standard_normal((ROWS, COLUMNS)).astype(np.float32)
print(f"xllamacpp {version('xllamacpp')} (ggml {ggml.ggml_version().decode()}), "
      f"gguf {version('gguf')}, numpy {np.__version__}")
print("Length of the error over that of the weights; in brackets: of what came back")
print("deviation" + "".join(f"{kind.name:>14}" for kind in TYPES))
error, back = {}, {}
for deviation in DEVIATIONS:
    weights = normal * np.float32(deviation)
    line = f"{deviation:9.0e}"
    for kind in TYPES:
        result = there_and_back(weights, kind)
        error[kind, deviation] = length(result - weights) / length(weights)
        back[kind, deviation] = length(result) / length(weights)
        line += f"{error[kind, deviation]:7.3f} ({back[kind, deviation]:.2f})"
    print(line)

usual, smaller, smallest = DEVIATIONS[0], DEVIATIONS[3], DEVIATIONS[4]
order = [Type.Q8_0, Type.Q6_K, Type.Q5_K, Type.Q4_K, Type.Q3_K, Type.Q2_K]
claims = {
    "weights of the usual size: more bits, less error":
        all(error[a, usual] < error[b, usual] for a, b in zip(order, order[1:])),
    "3e-4: Q6_K has more than 1.5 times its usual error":
        error[Type.Q6_K, 3e-4] > 1.5 * error[Type.Q6_K, usual],
    "1e-4: Q4_0 is nearer than Q6_K":
        error[Type.Q4_0, 1e-4] < error[Type.Q6_K, 1e-4],
    "3e-5: nearly nothing is left in Q6_K and IQ4_XS":
        max(back[Type.Q6_K, smaller], back[Type.IQ4_XS, smaller]) < 0.2,
    "3e-5: Q4_0 and Q2_K have their usual error":
        all(error[kind, smaller] < 1.1 * error[kind, usual] for kind in (Type.Q4_0, Type.Q2_K)),
    "1e-5: Q5_K's error is larger than the weights":
        error[Type.Q5_K, smallest] > 1.2,
}
for claim, holds in claims.items():
    print(f"{claim}{'' if holds else '  <- CHANGED'}")
changed = sum(not holds for holds in claims.values())
sys.exit(f"{changed} of {len(claims)} have changed" if changed else 0)
PYTHON
