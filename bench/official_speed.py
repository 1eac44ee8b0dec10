"""Memory and speed at PandaGPT-7B's shapes, beside llama.cpp's own bench on the same file.

    python bench/official_speed.py --pandagpt build/release/src/cli/pandagpt FOLDER \\
        [--llama-bench llama.cpp/build/bin/llama-bench]

FOLDER is made if it is new (4.7 GB): random weights in the shapes of ImageBind-Huge's vision tower
(q8_0), LLaMA 7B (Q4_K_M), projector and LoRA ('pandagpt bench --synthetic'). Three ways of running
it take turns: with the LoRA applied at run time; without one, which is also what a merged model
costs; and without repacking, straight from the mapped file. llama.cpp's bench decodes the same
number of tokens with the same number of threads, in the same run. Prints a table and, last, a line
of JSON.
"""

import argparse
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
IMAGE = ROOT / "examples" / "data" / "picture.png"


def without_adapter(folder):
    """A model folder of the same files, hard-linked, whose manifest names no adapter."""
    merged = folder.with_name(folder.name + "-merged")
    merged.mkdir(exist_ok=True)
    manifest = json.loads((folder / "panda.json").read_text())
    manifest["files"].pop("adapter", None)
    manifest["name"] += " without LoRA"
    for entry in manifest["files"].values():
        if not (merged / entry["path"]).exists():
            os.link(folder / entry["path"], merged / entry["path"])
    (merged / "panda.json").write_text(json.dumps(manifest, indent=2))
    return merged


def run_pandagpt(arguments, folder, *more):
    command = [arguments.pandagpt, "bench", "--model", folder, "--json", "--image", IMAGE,
               "--repeat", str(arguments.repeat), "--max-tokens", str(arguments.tokens), *more]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(done.stdout)


def run_llama_bench(arguments, model, threads):
    command = [arguments.llama_bench, "-m", model, "-t", threads, "-p", 0, "-n", arguments.tokens,
               "-r", arguments.repeat, "-o", "json"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(done.stdout)[0]["avg_ts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pandagpt", default=ROOT / "build/release/src/cli/pandagpt")
    parser.add_argument("--llama-bench")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=32)
    arguments = parser.parse_args()

    if not (arguments.folder / "panda.json").exists():
        subprocess.run([str(arguments.pandagpt), "bench", "--synthetic", str(arguments.folder),
                        "--repeat", "1", "--max-tokens", "2"], check=True, stdout=subprocess.DEVNULL)
    results = {}
    for name, folder, *more in (("LoRA at run time", arguments.folder),
                                ("merged", without_adapter(arguments.folder)),
                                ("merged, --no-repack", without_adapter(arguments.folder),
                                 "--no-repack")):
        results[name] = run_pandagpt(arguments, folder, *more)
    speed = None
    if arguments.llama_bench:
        threads = next(iter(results.values()))["threads"]
        speed = run_llama_bench(arguments, arguments.folder / "llm.gguf", threads)

    print(f"{'':<24}{'peak MiB':>10}{'open s':>9}{'image s':>9}{'first text s':>14}"
          f"{'next turn s':>13}{'tokens/s':>10}" + (f"{'of llama.cpp':>14}" if speed else ""))
    for name, row in results.items():
        print(f"{name:<24}{row['peak_resident_mib']:>10.0f}{row['load_ms']['least'] / 1e3:>9.2f}"
              f"{row['encode_ms']['least'] / 1e3:>9.2f}"
              f"{row['start_to_first_text_ms']['least'] / 1e3:>14.2f}"
              f"{row['second_turn_first_text_ms']['least'] / 1e3:>13.2f}"
              f"{row['generated_tokens_per_second']:>10.2f}"
              + (f"{row['generated_tokens_per_second'] / speed:>13.2f}x" if speed else ""))
    if speed:
        print(f"{'llama-bench':<24}{'':>55}{speed:>10.2f}")
    print(json.dumps({"pandagpt": results, "llama_bench_tokens_per_second": speed}))


if __name__ == "__main__":
    main()
