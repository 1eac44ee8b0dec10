#!/usr/bin/env bash
# Sets up what is missing, then asks panda-mini about a few photos.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/setup.sh" --no-train
pandagpt=$build/src/cli/pandagpt

# photo, question
questions=(
  chelsea.png "What animal is in the picture?"
  coffee.png "What is in the picture?"
  rocket.jpg "Describe the picture."
  astronaut.png "Who is in the picture?"
)

TIMEFORMAT=%R
for ((i = 0; i < ${#questions[@]}; i += 2)); do
  photo=.cache/demo/${questions[i]}
  question=${questions[i + 1]}
  answer_file=$cache/answer.txt
  seconds=$( { time "$pandagpt" ask --model panda-mini --greedy --image "$photo" "$question" \
    >"$answer_file" 2>"$cache/logs/demo.log"; } 2>&1) || {
    cat "$cache/logs/demo.log" >&2
    die "no answer about $photo"
  }
  printf '\n  Photo     %s\n  Question  %s\n  Answer    %s\n  Time      %s s, with loading\n' \
    "$photo" "$question" "$(cat "$answer_file")" "$seconds"
done

cat <<TEXT

The photos are scikit-image's samples (CC0 or public domain; see scripts/demo_photos.tsv).

Next, try:
  build/release/src/cli/pandagpt ask --image YOUR_PHOTO.jpg "What is in the picture?"
  build/release/src/cli/pandagpt chat --image YOUR_PHOTO.jpg
  build/release/src/cli/pandagpt --help
  scripts/test.sh
TEXT
