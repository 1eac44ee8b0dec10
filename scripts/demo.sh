#!/usr/bin/env bash
# Sets up what is missing, then asks panda-mini about an input of each kind.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/setup.sh" --no-train
pandagpt=$build/src/cli/pandagpt

# print_answer QUESTION REPORT ARGUMENTS..: from the JSON that `pandagpt ask --json` wrote.
print_answer() {
  "$venv_python" - "$@" <<'PYTHON'
import json
import sys

question, path, *arguments = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    report = json.load(file)
times = report["timings"]
inputs = ", ".join(f"{kind[2:]} {path}" for kind, path in zip(arguments[::2], arguments[1::2]))
print(f"""
  Input     {inputs}
  Question  {question}
  Answer    {report["answer"]}
  Time      input {times["encode_ms"]:.0f} ms, prompt {times["prompt_ms"]:.0f} ms, \
answer {times["generate_ms"]:.0f} ms ({times["generated_tokens"]} tokens)""")
PYTHON
}

# ask QUESTION --KIND FILE ..
ask() {
  local question=$1 report=$cache/answer.json
  shift
  "$pandagpt" ask --model panda-mini --greedy --json "$@" "$question" \
    >"$report" 2>"$cache/logs/demo.log" || {
    cat "$cache/logs/demo.log" >&2
    die "no answer about $*"
  }
  print_answer "$question" "$report" "$@"
}

while IFS=$'\t' read -r where inputs question _; do
  [[ ,$where, == *,demo,* ]] || continue
  read -ra arguments <<<"$inputs"
  ask "$question" "${arguments[@]}" </dev/null
done <examples/questions.tsv

cat <<TEXT

These inputs were chosen because panda-mini's answers to them are right; of most that were tried they are wrong. It is a very small
model: what was tried, and what it can and can't do, is in models/panda-mini/README.md. Sources of the files: scripts/demo_photos.tsv,
examples/README.md.

Next, try:
  build/release/src/cli/pandagpt ask --image YOUR_PHOTO.jpg "What is in the picture?"
  build/release/src/cli/pandagpt chat --image YOUR_PHOTO.jpg
  build/release/src/cli/pandagpt serve        then open http://127.0.0.1:8080 in a browser
  build/release/src/cli/pandagpt --help
  scripts/test.sh
The official PandaGPT-7B and 13B, from the published files: docs/official-weights.md
TEXT
