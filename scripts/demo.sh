#!/usr/bin/env bash
# Sets up what is missing, then asks panda-mini about an input of each kind.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/setup.sh" --no-train
pandagpt=$build/src/cli/pandagpt
photos=.cache/demo
data=examples/data

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

ask "What animal is in the picture?" --image "$photos/chelsea.png"
ask "Describe the image." --image "$photos/astronaut.png"
ask "What is in the picture?" --image "$photos/coffee.png"
ask "What do you hear?" --audio "$data/siren.wav"
ask "What is the person doing?" --imu "$data/walking_imu.csv"
ask "What does the thermal camera show?" --thermal "$data/thermal_grey.png"
ask "What is the person doing?" --depth "$data/person_depth_mm.png"
ask "What happens in the video?" --video "$data/rolling_ball.avi"
ask "What do you see and hear?" --image "$photos/chelsea.png" --audio "$data/siren.wav"

cat <<TEXT

The photos are scikit-image's samples (sources: scripts/demo_photos.tsv); the files of examples/data are
made by tools/data/make_examples.py. panda-mini is a very small model: what it can and can't do is in
models/panda-mini/README.md.

Next, try:
  build/release/src/cli/pandagpt ask --image YOUR_PHOTO.jpg "What is in the picture?"
  build/release/src/cli/pandagpt chat --image YOUR_PHOTO.jpg
  build/release/src/cli/pandagpt serve        then open http://127.0.0.1:8080 in a browser
  build/release/src/cli/pandagpt --help
  scripts/test.sh
The official PandaGPT-7B and 13B, from the published files: docs/official-weights.md
TEXT
