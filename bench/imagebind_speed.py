"""ImageBind-Huge's towers, ready tensors to embeddings: the reference's PyTorch code beside ours, on
the same machine, in one run.

    pip install torch timm einops ftfy regex iopath && pip install --no-deps imagebind-unofficial
    python bench/imagebind_speed.py --build build/release [--inputs image,audio] [--chart CHART.svg]

Both have random weights of the published shapes; how near the embeddings are to each other is
another script's business (tools/reference/imagebind_full_size.py). PyTorch runs in f32 and under
bf16 autocast. The programs take turns, so that a change of the machine's load meets all of them; the
shortest time of each counts. The share is that of the speed of one large product of ours in the
same numbers. Vision takes 6 GB of memory and 1.3 GB of the temporary folder.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "reference"))

import torch  # noqa: E402
from imagebind_full_size import embed, tower_modules  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

# name: tower, views encoded together (bench/imagebind_bench.cpp has the same), shape of one
INPUTS = {"image": ("vision", 1, (3, 224, 224)), "video": ("vision", 15, (3, 2, 224, 224)),
          "audio": ("audio", 3, (1, 128, 204)), "depth": ("depth", 1, (1, 224, 224)),
          "thermal": ("thermal", 1, (1, 224, 224)), "imu": ("imu", 1, (6, 2000)),
          "text": ("text", 1, (77,))}
TORCH_TYPES = ["f32", "bf16"]
OUR_TYPES = ["f32", "bf16", "int8"]


def reference(name):
    """A function that runs the reference in a type, and the operations of one run."""
    tower, views, shape = INPUTS[name]
    parts = tower_modules(tower)
    with torch.no_grad():
        for parameter in parts.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.02)
    values = torch.randn(views, *shape) if tower != "text" else torch.full((views, *shape), 5)
    with FlopCounterMode(display=False) as counter:
        embed(parts, tower, values)

    def run(number):
        with torch.autocast("cpu", torch.bfloat16, enabled=number == "bf16"):
            start = time.perf_counter()
            embed(parts, tower, values)
            return time.perf_counter() - start

    return run, counter.get_total_flops()


def ours(build, names, threads, repetitions):
    """By a benchmark's name without arguments: seconds of its runs, megabytes, operations a second."""
    command = [build / "bench/imagebind_bench",
               f"--benchmark_filter=^({'|'.join(names)})/.*{threads}/process_time/real_time$",
               f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.001",
               "--benchmark_format=json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    times, memory, speed = {}, {}, {}
    for run in report["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        name = "/".join(run["name"].split("/")[:2])
        times.setdefault(name, []).append(run["real_time"] / 1e3)
        memory[name] = run.get("resident_MB")
        speed[name] = max(speed.get(name, 0), run.get("operations", 0))
    return times, memory, speed


def measure(name, options):
    """The shortest seconds by program and number, megabytes of ours, and operations."""
    run, operations = reference(name)
    best, memory = {}, {}
    for _ in range(options.rounds):
        for number in TORCH_TYPES:
            for _ in range(options.runs):
                key = f"PyTorch {number}"
                best[key] = min(best.get(key, 1e9), run(number))
        times, resident, _ = ours(options.build, [name], options.threads, options.runs)
        for number in OUR_TYPES:
            for seconds in times.get(f"{name}/{number}", []):
                best[f"ours {number}"] = min(best.get(f"ours {number}", 1e9), seconds)
                memory[f"ours {number}"] = resident[f"{name}/{number}"]
    return best, memory, operations


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--inputs", default=",".join(INPUTS))
    parser.add_argument("--threads", type=int, choices=[1, 2], default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="of each program in each round")
    parser.add_argument("--chart", type=pathlib.Path, help="an SVG file to write")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    peaks = ours(options.build, ["product"], options.threads, 5)[2]
    names = options.inputs.split(",")
    results = {name: measure(name, options) for name in names}
    load = os.getloadavg()[0]
    print(f"{options.threads} threads, load average {load:.1f} (a quiet machine: {options.threads} or "
          f"less), torch {torch.__version__}, shortest of {options.rounds * options.runs} runs; "
          + ", ".join(f"{key.split('/')[1]} product {speed / 1e9:.0f} GOP/s"
                      for key, speed in peaks.items()))
    for name in names:
        best, memory, operations = results[name]
        print(f"{name}: {operations / 1e9:.1f} G operations")
        for key, seconds in best.items():
            peak = peaks.get(f"product/{key.split()[1]}")
            share = f"{100 * operations / seconds / peak:5.1f} % of the product" if peak else ""
            print(f"  {key:13} {seconds:8.4f} s  {best['PyTorch f32'] / seconds:6.2f} x PyTorch f32"
                  f"  {share}" + (f"  {memory[key]:6.0f} MB" if key in memory else ""))
    if options.chart:
        series = [f"PyTorch {t}" for t in TORCH_TYPES] + [f"ours {t}" for t in OUR_TYPES]
        figures = {"title": f"ImageBind-Huge on {options.threads} CPU cores",
                   "value_label": "speed, times PyTorch f32", "categories": names,
                   "series": [{"name": s, "values": [
                       results[n][0]["PyTorch f32"] / results[n][0][s] if s in results[n][0] else None
                       for n in names]} for s in series]}
        chart = subprocess.run([options.build / "bench/bar_chart"], input=json.dumps(figures),
                               text=True, check=True, capture_output=True).stdout
        options.chart.write_text(chart)


if __name__ == "__main__":
    main()
