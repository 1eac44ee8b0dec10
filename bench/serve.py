#!/usr/bin/env python3
"""Load on a running server: throughput and latencies at several numbers of chats at once.

    bench/serve.py --start build/release/src/cli/pandagpt --model panda-mini
    bench/serve.py --url http://127.0.0.1:8080 --chats 1,8 --requests 64
    bench/serve.py --start PANDAGPT --beside http://127.0.0.1:8081      llama-server on the same file

A chat asks, waits for the whole streamed answer and asks again, always something new. Latencies are
those of the client: the first token, the time between tokens, and the whole answer. --overload N also
sends N times as many requests at once as the server takes. Only the standard library is used, so that
the load generator costs little of the machine that it measures; on 2 cores it still does.
"""

import argparse
import base64
import contextlib
import http.client
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import serve_process  # noqa: E402

WORDS = ("what colour size shape is the of in on under this picture animal person doing why how many "
         "tell me about describe say list name thing left right").split()


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
        self.status = 0
        self.gaps = []


def ask(url, number, arguments, photo):
    """One request, streamed."""
    sample = Sample()
    parts = urllib.parse.urlsplit(url)
    body = json.dumps({
        "messages": [{"role": "user", "content": question(number, photo)}], "stream": True,
        "max_tokens": arguments.tokens, "temperature": 1.5, "top_p": 1, "seed": number,
        "cache_prompt": True, "stream_options": {"include_usage": True}})
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
    start = last = time.perf_counter()
    try:
        connection.request("POST", "/v1/chat/completions", body,
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        sample.status = response.status
        if response.status != 200:
            sample.retry = response.getheader("Retry-After")
            response.read()
            return sample
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if event.get("usage"):
                sample.tokens = event["usage"]["completion_tokens"]
            if not event["choices"] or not event["choices"][0]["delta"].get("content"):
                continue
            now = time.perf_counter()
            if sample.first is None:
                sample.first = now - start
            else:
                sample.gaps.append(now - last)
            last = now
        sample.total = time.perf_counter() - start
    finally:
        connection.close()
    return sample


def run_chats(url, chats, arguments, photos, first_number):
    """`chats` threads that share out the requests; returns the samples and the seconds."""
    samples, lock = [], threading.Lock()
    numbers = iter(range(first_number, first_number + max(arguments.requests, 2 * chats)))

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
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def row_of(chats, samples, seconds):
    good = [sample for sample in samples if sample.status == 200]
    gaps = [gap for sample in good for gap in sample.gaps]
    firsts = [sample.first for sample in good if sample.first is not None]
    totals = [sample.total for sample in good]
    tokens = sum(sample.tokens for sample in good)
    return {"chats": chats, "requests": len(good), "failed": len(samples) - len(good),
            "tokens_per_second": tokens / seconds, "requests_per_second": len(good) / seconds,
            "first_token_ms": [1000 * percentile(firsts, p) for p in (0.5, 0.95, 0.99)],
            "token_gap_ms": [1000 * percentile(gaps, p) for p in (0.5, 0.95, 0.99)],
            "answer_ms": [1000 * percentile(totals, p) for p in (0.5, 0.95, 0.99)]}


def print_row(row, base):
    def three(values):
        return "/".join(f"{value:.0f}" for value in values)
    print(f"{row['chats']:>5} {row['tokens_per_second']:>9.1f} {row['tokens_per_second'] / base:>6.2f}x "
          f"{row['requests_per_second']:>7.2f} {three(row['first_token_ms']):>16} "
          f"{three(row['token_gap_ms']):>16} {three(row['answer_ms']):>18} {row['failed']:>6}")


def measure(name, url, arguments, photos):
    print(f"\n{name}\nchats  tokens/s  gain   req/s  first token ms   between tokens    whole answer ms  "
          " failed\n                                p50/p95/p99")
    rows = []
    run_chats(url, 2, arguments, photos, 10 ** 6)  # warm
    for i, chats in enumerate(arguments.chats):
        samples, seconds = run_chats(url, chats, arguments, photos, 10000 * (i + 1))
        rows.append(row_of(chats, samples, seconds))
        print_row(rows[-1], rows[0]["tokens_per_second"])
    return rows


def measure_overload(url, arguments, photos):
    room = serve_process.get(url + "/props")[1]["total_slots"] + arguments.queue
    wanted = int(arguments.overload * room)
    arguments = argparse.Namespace(**{**vars(arguments), "requests": wanted})
    samples, seconds = run_chats(url, wanted, arguments, photos, 5 * 10 ** 6)
    statuses = {}
    for sample in samples:
        statuses[sample.status] = statuses.get(sample.status, 0) + 1
    lost = sum(sample.status == 200 and not sample.tokens for sample in samples)
    without = sum(sample.status == 503 and not sample.retry for sample in samples)
    print(f"\noverload: {wanted} at once for {room} places in {seconds:.1f} s: statuses {statuses}, "
          f"{lost} accepted ones lost, {without} of 503 without Retry-After")
    return {"requests": wanted, "places": room, "statuses": statuses, "lost": lost}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server that is running")
    parser.add_argument("--start", metavar="PANDAGPT", help="start this program's server")
    parser.add_argument("--model", default="panda-mini")
    parser.add_argument("--parallel", default="8", help="slots of the started server")
    parser.add_argument("--queue", type=int, default=32, help="its queue")
    parser.add_argument("--serve-option", action="append", default=[], help="more of its options")
    parser.add_argument("--beside", metavar="URL", help="another server, measured alternately")
    parser.add_argument("--photo", action="append", default=[], help="ask about these pictures")
    parser.add_argument("--chats", type=lambda text: [int(x) for x in text.split(",")],
                        default=[1, 2, 4, 8, 16])
    parser.add_argument("--requests", type=int, default=32, help="of each number of chats")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--overload", type=float, default=0)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    if bool(arguments.url) == bool(arguments.start):
        parser.error("give --url or --start")
    photos = ["data:image/jpeg;base64," + base64.b64encode(pathlib.Path(path).read_bytes()).decode()
              for path in arguments.photo]
    with contextlib.ExitStack() as stack:
        url = arguments.url or stack.enter_context(serve_process.server(
            arguments.start, "--model", arguments.model, "--parallel", arguments.parallel,
            "--queue", str(arguments.queue), *arguments.serve_option))
        report = {"pandagpt": measure("pandagpt serve", url, arguments, photos)}
        if arguments.beside:
            report["beside"] = measure(arguments.beside, arguments.beside, arguments, [])
        if arguments.overload:
            report["overload"] = measure_overload(url, arguments, photos)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
