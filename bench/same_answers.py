#!/usr/bin/env python3
"""Whether the same request gets the same answer: at temperature 0, from a cold and a warm cache, alone
and beside others.

    bench/same_answers.py [--program build/release/src/cli/pandagpt] [--model panda-mini] [PHOTO ..]

Each question about each photo is asked by `pandagpt ask --greedy`, and then --requests times of servers
with --parallel slots: one request after the other, and several clients at once, in another order each time.
A long conversation (more than 64 positions in a batch, more than 512 in all) is asked in the same ways, its
turns in one request or one by one, and some questions are asked and regenerated in `pandagpt chat`. A row of
the table counts the questions, those with one answer in all requests, and those whose answer is `ask`'s.
Without PHOTO, the demo's five are taken. Ends with code 1 if an answer differs.
"""

import argparse
import base64
import concurrent.futures
import json
import pathlib
import random
import subprocess
import sys
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import serve_process  # noqa: E402

QUESTIONS = ["What is in the picture?", "Describe the image.", "Is there a person?", "What is it?",
             "What colour is it?", "Is there a dog?"]
TEXT_TURNS = ["Tell me a long story about a lighthouse keeper and the sea, with many details.",
              "What happens to the keeper in the end? Tell it at length.",
              "Tell the whole story again from the beginning, as the sea would tell it.",
              "Which people are in the story, and what does each of them do?"]
TOKENS = 128


def post(url, messages):
    body = json.dumps({"temperature": 0, "max_tokens": TOKENS, "messages": messages}).encode()
    request = urllib.request.Request(url + "/v1/chat/completions", body,
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def picture_question(photo, question):
    data = base64.b64encode(pathlib.Path(photo).read_bytes()).decode()
    return [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/*;base64," + data}},
        {"type": "text", "text": question}]}]


def common_options(arguments):
    return ["--model", arguments.model, "--threads", arguments.threads]


def ask(arguments, photo, question):
    return subprocess.run([arguments.program, "ask", "--greedy", *common_options(arguments),
                           "--max-tokens", str(TOKENS), "--image", photo, question],
                          check=True, capture_output=True, text=True).stdout.strip()


def long_conversation(url):
    """The answers of a conversation, asked turn by turn."""
    messages, answers = [], []
    for turn in TEXT_TURNS:
        messages.append({"role": "user", "content": turn})
        answers.append(post(url, messages).strip())
        messages.append({"role": "assistant", "content": answers[-1]})
    return messages[:-1], answers


class Table:
    def __init__(self):
        self.differ = False
        print(f"{'':<34} {'questions':>9} {'requests':>8} {'one answer':>10} {'as ask':>7}")

    def row(self, name, answers, expected):
        """answers: lists, by question; expected: by question."""
        one = sum(len(set(given)) == 1 for given in answers.values())
        same = sum(set(answers[key]) == {expected[key]} for key in answers)
        requests = sum(len(given) for given in answers.values())
        print(f"{name:<34} {len(answers):>9} {requests:>8} {one:>10} {same:>7}", flush=True)
        for key in answers:
            if set(answers[key]) != {expected[key]}:
                self.differ = True
                print(f"    {key}: {expected[key]!r}; {sorted(set(answers[key]))}")


def measure_server(arguments, slots, cases, expected, table):
    long_one = ("long conversation", "last turn")
    with serve_process.server(arguments.program, *common_options(arguments), "--parallel",
                              str(slots)) as url:
        def request(key):
            return key, post(url, picture_question(*key)).strip()

        answers = {key: [] for key in cases}
        for _ in range(arguments.requests):  # each question again while the cache still holds it
            for key in cases:
                answers[key].append(request(key)[1])
        table.row(f"{slots} slots, one by one", answers, expected)
        repeated = {key: [request(key)[1] for _ in range(arguments.requests)] for key in cases}
        table.row(f"{slots} slots, repeated at once", repeated, expected)
        order = [key for key in cases for _ in range(arguments.requests)]
        random.Random(slots).shuffle(order)
        answers = {key: [] for key in cases}
        with concurrent.futures.ThreadPoolExecutor(2 * slots) as clients:
            for key, answer in clients.map(request, order):
                answers[key].append(answer)
        table.row(f"{slots} slots, {2 * slots} clients", answers, expected)
        messages, spoken = long_conversation(url)
        again = [post(url, messages).strip() for _ in range(arguments.requests)]
        with concurrent.futures.ThreadPoolExecutor(slots) as clients:
            beside = list(clients.map(lambda _: post(url, messages).strip(), range(slots)))
        table.row(f"{slots} slots, long conversation", {long_one: again + beside},
                  {long_one: spoken[-1]})
        return messages, spoken[-1]


def measure_cold(arguments, slots, messages, answer, table):
    """The whole conversation as one prompt to a server that has seen nothing of it."""
    key = ("long conversation", "cold")
    with serve_process.server(arguments.program, *common_options(arguments), "--parallel",
                              str(slots)) as url:
        table.row(f"{slots} slots, long, cold", {key: [post(url, messages).strip()]},
                  {key: answer})


def chat_answers(arguments, photo, question):
    """What `pandagpt chat` answers, and again behind /regenerate."""
    lines = f"/image {photo}\n{question}\n/regenerate\n/regenerate\n"
    out = subprocess.run([arguments.program, "chat", "--greedy", *common_options(arguments),
                          "--max-tokens", str(TOKENS)], input=lines, check=True,
                         capture_output=True, text=True).stdout
    return [line.strip() for line in out.splitlines() if line.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", metavar="PHOTO",
                        default=[str(path) for path in sorted((ROOT / ".cache/demo").glob("*"))])
    parser.add_argument("--program", default=str(ROOT / "build/release/src/cli/pandagpt"))
    parser.add_argument("--model", default="panda-mini")
    parser.add_argument("--parallel", default="1,4", help="slots of the servers")
    parser.add_argument("--threads", default="0", help="of each program; 0: its own choice")
    parser.add_argument("--requests", type=int, default=3, help="of each question")
    parser.add_argument("--questions", type=int, default=len(QUESTIONS), help="about each photo")
    arguments = parser.parse_args()
    cases = [(photo, question) for photo in arguments.photos
             for question in QUESTIONS[:arguments.questions]]
    if not cases:
        parser.error("no photos: run scripts/demo.sh once, or name some")
    table = Table()
    expected = {key: ask(arguments, *key) for key in cases}
    for slots in [int(text) for text in arguments.parallel.split(",")]:
        messages, answer = measure_server(arguments, slots, cases, expected, table)
        measure_cold(arguments, slots, messages, answer, table)
    some = cases[::3]
    table.row("chat, /regenerate", {key: chat_answers(arguments, *key) for key in some}, expected)
    sys.exit(1 if table.differ else 0)


if __name__ == "__main__":
    main()
