"""Memory and speed at PandaGPT-7B's shapes, beside llama.cpp's own bench on the same file.

    python bench/official_speed.py --pandagpt build/release/src/cli/pandagpt FOLDER \\
        [--llama-bench llama.cpp/build/bin/llama-bench]

FOLDER is made if it is new (4.7 GB): random weights in the shapes of ImageBind-Huge's vision tower
(q8_0), LLaMA 7B (Q4_K_M), projector and LoRA ('pandagpt bench --synthetic'). Three ways of running
it take turns: with the LoRA applied at run time; without one, which is also what a merged model
costs; and without repacking, straight from the mapped file. llama.cpp's bench decodes the same
number of tokens with the same number of threads, in the same rounds. Prints a table of medians and,
last, a line of JSON.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

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
               "--repeat", "1", "--max-tokens", str(arguments.tokens), *more]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(done.stdout)


def run_llama_bench(arguments, model, threads):
    command = [arguments.llama_bench, "-m", model, "-t", threads, "-p", 0, "-n", arguments.tokens,
               "-r", 1, "-o", "json"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(done.stdout)[0]["avg_ts"]


def measure(arguments):
    """Every way in turn, `rounds` times: the machine's own ups and downs meet all of them alike."""
    ways = {"LoRA at run time": (arguments.folder,),
            "merged": (without_adapter(arguments.folder),),
            "merged, --no-repack": (without_adapter(arguments.folder), "--no-repack")}
    rows = {name: [] for name in ways}
    llama_speeds = []
    for number in range(arguments.rounds):
        for name, way in ways.items():
            rows[name].append(run_pandagpt(arguments, *way))
        if arguments.llama_bench:
            llama_speeds.append(run_llama_bench(arguments, arguments.folder / "llm.gguf",
                                                rows["merged"][0]["threads"]))
        speeds = [f"{row[-1]['generated_tokens_per_second']:.2f}" for row in rows.values()]
        print(f"round {number + 1}: {', '.join(speeds)} tokens/s; llama-bench "
              f"{llama_speeds[-1:] or 'not run'}", file=sys.stderr, flush=True)
    return rows, llama_speeds


def summary(rows):
    """Medians over the rounds; the largest for memory."""
    def median(read):
        return statistics.median(read(row) for row in rows)

    result = {key: median(lambda row, key=key: row[key]["median"])
              for key in ("load_ms", "encode_ms", "start_to_first_text_ms",
                          "second_turn_first_text_ms")}
    result["peak_resident_mib"] = max(row["peak_resident_mib"] for row in rows)
    result["tokens_per_second"] = median(lambda row: row["generated_tokens_per_second"])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pandagpt", default=ROOT / "build/release/src/cli/pandagpt")
    parser.add_argument("--llama-bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=96)
    arguments = parser.parse_args()

    if not (arguments.folder / "panda.json").exists():
        subprocess.run([str(arguments.pandagpt), "bench", "--synthetic", str(arguments.folder),
                        "--repeat", "1", "--max-tokens", "2"], check=True, stdout=subprocess.DEVNULL)
    rows, llama_speeds = measure(arguments)
    results = {name: summary(of_way) for name, of_way in rows.items()}
    llama_speed = statistics.median(llama_speeds) if llama_speeds else None

    print(f"{'':<24}{'peak MiB':>10}{'open s':>9}{'image s':>9}{'first text s':>14}"
          f"{'next turn s':>13}{'tokens/s':>10}" + (f"{'of llama.cpp':>14}" if llama_speed else ""))
    for name, row in results.items():
        print(f"{name:<24}{row['peak_resident_mib']:>10.0f}{row['load_ms'] / 1e3:>9.2f}"
              f"{row['encode_ms'] / 1e3:>9.2f}{row['start_to_first_text_ms'] / 1e3:>14.2f}"
              f"{row['second_turn_first_text_ms'] / 1e3:>13.2f}{row['tokens_per_second']:>10.2f}"
              + (f"{row['tokens_per_second'] / llama_speed:>13.2f}x" if llama_speed else ""))
    if llama_speed:
        print(f"{'llama-bench':<24}{'':>56}{llama_speed:>10.2f}")
    print(json.dumps({"pandagpt": results, "llama_bench_tokens_per_second": llama_speed}))


if __name__ == "__main__":
    main()
