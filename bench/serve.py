#!/usr/bin/env python3
"""Load on a running server: throughput and latencies at several numbers of chats at once.

    bench/serve.py --start build/release/src/cli/pandagpt --model panda-mini
    bench/serve.py --url http://127.0.0.1:8080 --chats 1,8 --requests 64
    bench/serve.py --start PANDAGPT --beside http://127.0.0.1:8081      llama-server on the same file
    bench/serve.py .. --json serve.json --svg serve.svg

A chat asks, waits for the whole streamed answer and asks again, always something new. Every answer has
--tokens tokens, whatever the model would like (`ignore_eos`, which llama-server knows as well), and all
servers draw by the same rules: otherwise tokens a second of two servers, or of two models, can't be
compared. --until-end lets answers end where they end. Latencies are those of the client: the first token,
the time between tokens, and the whole answer. --overload N also sends N times as many requests at once as
the server takes. Only the standard library is used, so that the load generator costs little of the machine
that it measures; on 2 cores it still does.
"""

import argparse
import base64
import contextlib
import http.client
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import serve_process  # noqa: E402

WORDS = ("what colour size shape is the of in on under this picture animal person doing why how many "
         "tell me about describe say list name thing left right").split()
# Written out, since what a server does without them is its own.
SAMPLING = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1}


def question(number, photo):
    """Text that no other request shares beyond the protocol's first tokens."""
    words = random.Random(number)
    text = " ".join(words.choice(WORDS) for _ in range(12))
    if photo is None:
        return f"{number} {text}"
    return [{"type": "image_url", "image_url": {"url": photo}}, {"type": "text", "text": text}]


class Sample:
    def __init__(self):
        self.first = None
        self.total = None
        self.tokens = 0
        self.evaluated = 0  # positions of the prompt that weren't in the cache
        self.status = 0
        self.retry_after = None
        self.gaps = []


def photo_url(path):
    return "data:image/jpeg;base64," + base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def ask(url, number, arguments, photo):
    """The request of this number."""
    return stream(url, {
        "messages": [{"role": "user", "content": question(number, photo)}],
        "max_tokens": arguments.tokens, "ignore_eos": not arguments.until_end, "seed": number,
        "cache_prompt": True, "stream_options": {"include_usage": True}, **SAMPLING})


def stream(url, body):
    """One request, streamed."""
    sample = Sample()
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
    start = last = time.perf_counter()
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body | {"stream": True}),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        sample.status = response.status
        if response.status != 200:
            sample.retry_after = response.getheader("Retry-After")
            response.read()
            return sample
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if event.get("usage"):
                usage = event["usage"]
                sample.tokens = usage["completion_tokens"]
                sample.evaluated = (usage["prompt_tokens"] -
                                    usage.get("prompt_tokens_details", {}).get("cached_tokens", 0))
            if not event["choices"] or not event["choices"][0]["delta"].get("content"):
                continue
            now = time.perf_counter()
            if sample.first is None:
                sample.first = now - start
            else:
                sample.gaps.append(now - last)
            last = now
        sample.total = time.perf_counter() - start
    except (OSError, http.client.HTTPException):
        sample.status = 0  # no answer, or a broken one: a failure
    finally:
        connection.close()
    return sample


def run_chats(url, chats, n_requests, arguments, photos, first_number):
    """`chats` threads that share out the requests; returns the samples and the seconds."""
    samples, lock = [], threading.Lock()
    numbers = iter(range(first_number, first_number + n_requests))

    def chat():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            sample = ask(url, number, arguments, photos[number % len(photos)] if photos else None)
            with lock:
                samples.append(sample)

    threads = [threading.Thread(target=chat) for _ in range(chats)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return samples, time.perf_counter() - start


def percentile(values, share):
    """By nearest rank; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def percentiles_ms(values):
    return [None if value is None else 1000 * value
            for value in (percentile(values, share) for share in (0.5, 0.95, 0.99))]


def row_of(chats, samples, seconds):
    good = [sample for sample in samples if sample.status == 200]
    gaps = [gap for sample in good for gap in sample.gaps]
    firsts = [sample.first for sample in good if sample.first is not None]
    totals = [sample.total for sample in good]
    tokens = sum(sample.tokens for sample in good)
    return {"chats": chats, "requests": len(good), "failed": len(samples) - len(good),
            "tokens_per_answer": tokens / max(1, len(good)),
            "prompt_tokens_evaluated": sum(sample.evaluated for sample in good) / max(1, len(good)),
            "tokens_per_second": tokens / seconds, "requests_per_second": len(good) / seconds,
            "first_token_ms": percentiles_ms(firsts),
            "token_gap_ms": percentiles_ms(gaps),
            "answer_ms": percentiles_ms(totals)}


def print_row(name, row, base):
    def three(values):
        return "/".join("-" if value is None else f"{value:.0f}" for value in values)
    print(f"{name:<14} {row['chats']:>5} {row['tokens_per_answer']:>6.1f} {row['prompt_tokens_evaluated']:>6.1f} "
          f"{row['tokens_per_second']:>9.1f} {row['tokens_per_second'] / base:>6.2f}x "
          f"{row['requests_per_second']:>7.2f} {three(row['first_token_ms']):>16} "
          f"{three(row['token_gap_ms']):>16} {three(row['answer_ms']):>18} {row['failed']:>6}")


def measure(servers, arguments):
    """Rows by name; the servers take turns, so that a change of the machine's load meets all of them.
    servers: by name, address and photos."""
    print("server         chats answer prompt  tokens/s   gain   req/s   first token ms   between tokens    "
          "whole answer ms failed\n"
          "                     tokens tokens                          p50/p95/p99")
    rows = {name: [] for name in servers}
    for url, photos in servers.values():
        warm, _ = run_chats(url, 2, 4, arguments, photos, 10 ** 6)
        if any(sample.status != 200 for sample in warm):
            sys.exit(f"{url}: no chat is answered (status {warm[0].status}); is its server ready?")
    for i, chats in enumerate(arguments.chats):
        for name, (url, photos) in servers.items():
            n_requests = max(arguments.requests, 2 * chats)
            samples, seconds = run_chats(url, chats, n_requests, arguments, photos, 10000 * (i + 1))
            rows[name].append(row_of(chats, samples, seconds))
            print_row(name, rows[name][-1], rows[name][0]["tokens_per_second"])
            if any(sample.status == 200 and sample.tokens != arguments.tokens
                   for sample in samples) and not arguments.until_end:
                sys.exit(f"{name}: an answer didn't have the {arguments.tokens} tokens asked for (does "
                         "the server know ignore_eos?): its tokens/s can't be compared")
    return rows


def draw(rows, title, program, path):
    """Tokens a second by chats at once."""
    first = next(iter(rows.values()))
    figures = {"title": title, "value_label": "tokens/s, all chats together",
               "categories": [f"{row['chats']} chat{'s' * (row['chats'] > 1)}" for row in first],
               "series": [{"name": name, "values": [row["tokens_per_second"] for row in one]}
                          for name, one in rows.items()]}
    chart = subprocess.run([program], input=json.dumps(figures), text=True, check=True,
                           capture_output=True).stdout
    path.write_text(chart)


def measure_overload(url, arguments, photos):
    room = serve_process.get(url + "/props")[1]["total_slots"] + arguments.queue
    wanted = int(arguments.overload * room)
    samples, seconds = run_chats(url, wanted, wanted, arguments, photos, 5 * 10 ** 6)
    statuses = {}
    for sample in samples:
        statuses[sample.status] = statuses.get(sample.status, 0) + 1
    lost = sum(sample.status == 200 and not sample.tokens for sample in samples)
    without = sum(sample.status == 503 and not sample.retry_after for sample in samples)
    print(f"\noverload: {wanted} at once for {room} places in {seconds:.1f} s: statuses {statuses}, "
          f"{lost} accepted ones lost, {without} of 503 without Retry-After")
    return {"requests": wanted, "places": room, "statuses": statuses, "lost": lost,
            "without_retry_after": without}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server that is running")
    parser.add_argument("--start", metavar="PANDAGPT", help="start this program's server")
    parser.add_argument("--model", default="panda-mini")
    parser.add_argument("--parallel", default="8", help="slots of the started server")
    parser.add_argument("--queue", type=int, default=32, help="its queue")
    parser.add_argument("--serve-option", action="append", default=[], help="more of its options")
    parser.add_argument("--beside", metavar="URL", help="a llama-server, measured in turns")
    parser.add_argument("--photo", action="append", default=[], help="ask about these pictures")
    parser.add_argument("--chats", type=lambda text: [int(x) for x in text.split(",")],
                        default=[1, 2, 4, 8, 16])
    parser.add_argument("--requests", type=int, default=32, help="of each number of chats")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--until-end", action="store_true", help="let answers end before that")
    parser.add_argument("--overload", type=float, default=0)
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="keep the figures")
    parser.add_argument("--svg", metavar="FILE", type=pathlib.Path, help="draw tokens a second")
    parser.add_argument("--bar-chart", type=pathlib.Path, default=ROOT / "build/release/bench/bar_chart",
                        help="the program that draws")
    arguments = parser.parse_args()
    if bool(arguments.url) == bool(arguments.start):
        parser.error("give --url or --start")
    photos = [photo_url(path) for path in arguments.photo]
    with contextlib.ExitStack() as stack:
        url = arguments.url or stack.enter_context(serve_process.server(
            arguments.start, "--model", arguments.model, "--parallel", arguments.parallel,
            "--queue", str(arguments.queue), *arguments.serve_option))
        servers = {"pandagpt": (url, photos)}
        if arguments.beside:
            servers["llama-server"] = (arguments.beside, [])
        report = {"cores": os.cpu_count(), "model": arguments.model, "slots": arguments.parallel,
                  "tokens": arguments.tokens, "until_end": arguments.until_end, "sampling": SAMPLING,
                  "servers": measure(servers, arguments)}
        if arguments.overload:
            report["overload"] = measure_overload(url, arguments, photos)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.svg:
        draw(report["servers"], f"pandagpt serve, {arguments.parallel} slots, {os.cpu_count()} cores",
             arguments.bar_chart, arguments.svg)


if __name__ == "__main__":
    main()
