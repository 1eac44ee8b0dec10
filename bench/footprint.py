#!/usr/bin/env python3
"""What panda-mini takes: room, and the time until a user sees an answer about a photo.

    bench/footprint.py build/release [--json footprint.json]

Weights in the repository (as git tracks them); an installation with the default model, as
`cmake --install` lays it out; `pandagpt ask` about a photo from the start of the program to its end; and
the first token of a server that is warm, about photos that are new to it (no embedding is kept).
"""
import argparse
import base64
import json
import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time

import serve
import serve_process  # which serve.py has made findable

ROOT = pathlib.Path(__file__).resolve().parents[1]
PHOTOS = sorted((ROOT / ".cache/demo").glob("*.[pj][np]g"))
QUESTION = "What is in the picture?"
REPEAT = 9
WARM_UP = 3
WARM_UP_SERVER = 32  # pictures; slots are taken in turn


def tracked_weights() -> int:
    names = subprocess.run(["git", "ls-files", "models"], cwd=ROOT, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    return sum((ROOT / name).stat().st_size for name in names if name.endswith(".gguf"))


def installation(build: pathlib.Path) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as prefix:
        for component in ("pandagpt", "weights"):
            subprocess.run(["cmake", "--install", build, "--prefix", prefix, "--component",
                            component, "--strip"], check=True, stdout=subprocess.DEVNULL)
        files = [f for f in pathlib.Path(prefix).rglob("*") if f.is_file() and not f.is_symlink()]
        sizes = {"weights": 0, "rest": 0}
        for file in files:
            sizes["weights" if file.suffix == ".gguf" else "rest"] += file.stat().st_size
        return sizes


def command_line(program: pathlib.Path) -> list[float]:
    seconds = []
    for i in range(WARM_UP + REPEAT):
        start = time.perf_counter()
        subprocess.run([program, "ask", "--no-cache", "--greedy", "--image",
                        PHOTOS[i % len(PHOTOS)], QUESTION], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return seconds[WARM_UP:]


def first_token(url: str, content: object) -> float:
    """Milliseconds until text of a streamed answer arrives."""
    sample = serve.stream(url, {"messages": [{"role": "user", "content": content}],
                                "temperature": 0, "max_tokens": 16})
    if sample.first is None:
        raise RuntimeError(f"the server gave no text (status {sample.status})")
    return 1000 * sample.first


def ask_about(url: str) -> list[dict]:
    return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": QUESTION}]


def plain_picture(number: int) -> str:
    """A BMP of one colour, another for each number, as a data URI."""
    size = 16
    pixels = bytes([number * 7 % 256, number * 31 % 256, 128]) * size * size
    header = b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(pixels), 0, 54, 40, size, size, 1, 24, 0,
                                 len(pixels), 2835, 2835, 0, 0)
    return "data:image/bmp;base64," + base64.b64encode(header + pixels).decode()


def warm_server(program: pathlib.Path) -> list[float]:
    """Warm: every slot has answered about some picture, so that the protocol's first tokens are there."""
    with serve_process.server(program, "--model", "panda-mini", "--no-cache") as url:
        for number in range(WARM_UP_SERVER):
            first_token(url, ask_about(plain_picture(number)))
        return [first_token(url, ask_about(serve.photo_url(photo))) for photo in PHOTOS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    if not PHOTOS:
        raise SystemExit("no demo photos: run scripts/setup.sh first")
    program = args.build.resolve() / "src/cli/pandagpt"
    os.chdir(ROOT)
    sizes = installation(args.build)
    asked, warm = command_line(program), warm_server(program)
    result = {"repository_weights_mb": tracked_weights() / 1e6,
              "installation_mb": sum(sizes.values()) / 1e6,
              "installation_weights_mb": sizes["weights"] / 1e6,
              "ask_seconds": {"median": statistics.median(asked), "max": max(asked)},
              "warm_first_token_ms": {"median": statistics.median(warm), "max": max(warm)}}
    print(f"weights in the repository   {result['repository_weights_mb']:.1f} MB")
    print(f"installation                {result['installation_mb']:.1f} MB, of which weights "
          f"{result['installation_weights_mb']:.1f}")
    print(f"pandagpt ask, whole         {statistics.median(asked):.2f} s (median of {len(asked)}), "
          f"at most {max(asked):.2f}")
    print(f"first token, warm server    {statistics.median(warm):.0f} ms (median of {len(warm)} new "
          f"photos), at most {max(warm):.0f}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
