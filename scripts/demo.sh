#!/usr/bin/env bash
# Sets up what is missing, then asks panda-mini about a few photos.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/setup.sh" --no-train
pandagpt=$build/src/cli/pandagpt

# photo, question
questions=(
  chelsea.png "What animal is in the picture?"
  motorcycle_left.png "Describe the image."
  rocket.jpg "Describe the image."
  coffee.png "What is in the picture?"
)

# print_answer PHOTO QUESTION REPORT: from the JSON that `pandagpt ask --json` wrote.
print_answer() {
  "$venv_python" - "$@" <<'PYTHON'
import json
import sys

photo, question, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    report = json.load(file)
times = report["timings"]
print(f"""
  Photo     {photo}
  Question  {question}
  Answer    {report["answer"]}
  Time      photo {times["encode_ms"]:.0f} ms, prompt {times["prompt_ms"]:.0f} ms, \
answer {times["generate_ms"]:.0f} ms ({times["generated_tokens"]} tokens)""")
PYTHON
}

for ((i = 0; i < ${#questions[@]}; i += 2)); do
  photo=.cache/demo/${questions[i]}
  report=$cache/answer.json
  "$pandagpt" ask --model panda-mini --greedy --json --image "$photo" "${questions[i + 1]}" \
    >"$report" 2>"$cache/logs/demo.log" || {
    cat "$cache/logs/demo.log" >&2
    die "no answer about $photo"
  }
  print_answer "$photo" "${questions[i + 1]}" "$report"
done

cat <<TEXT

The photos are scikit-image's samples (sources: scripts/demo_photos.tsv).

Next, try:
  build/release/src/cli/pandagpt ask --image YOUR_PHOTO.jpg "What is in the picture?"
  build/release/src/cli/pandagpt chat --image YOUR_PHOTO.jpg
  build/release/src/cli/pandagpt --help
  scripts/test.sh
TEXT
