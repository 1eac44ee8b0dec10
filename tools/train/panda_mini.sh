#!/usr/bin/env bash
# Trains panda-mini from nothing but its data: the joint space, the towers, projector and adapter.
#
#   tools/train/panda_mini.sh DATA RUNS [DOWNLOADS]
#
# DATA is prepared by tools/data (unpacked from DOWNLOADS/*.tar if need be); RUNS takes every step's
# folder. A step that is done is not repeated, one that was stopped goes on. About two hours on 4
# cores. The model is then in RUNS/panda-mini.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
data=$(realpath -- "$1")
mkdir -p "$2"
runs=$(realpath -- "$2")
train=$root/build/release/src/train/pandagpt-train
pandagpt=$root/build/release/src/cli/pandagpt
llm=$root/models/panda-mini/llm.gguf
cd "$data"

# Data: lists of pairs, conversations, what is measured.
python3 "$root/tools/data/sense_pairs.py" --root . ${3:+--tars "$3"}
python3 "$root/tools/data/make_eval_set.py" --root .
mkdir -p panda_mini
talk() { python3 "$root/tools/data/make_conversations.py" --root . "$@"; }
talk --out panda_mini/pictures.jsonl --share yes_no=0.5 --share doing=0.8 --share object=2 \
  --share text=2
talk --out panda_mini/senses.jsonl --senses --share caption=0.25 --share yes_no=0.12 \
  --share count=0.3 --share colour=0.4 --share doing=0.15 --share where=0.2 --share who=0.2 \
  --share story=0.3 --share follow_up=0.3 --share object=0.7 --share is_this=0.5
talk --out panda_mini/dev.jsonl --senses --split dev --share caption=0.02 --share yes_no=0.01

# The trunk, and on it the joint space with its texts.
trunk=$runs/trunk.gguf
[[ -f $trunk ]] ||
  "$pandagpt" convert efficientnet-lite "$root/.cache/efficientnet-lite0.pth" -o "$trunk"
"$train" bind --encoders "$trunk" --train image,text \
  --data flickr8k/captions_train.jsonl=5 --data imagenet1k_sample/objects_train_text.jsonl=1 \
  --validation flickr8k/captions_dev.jsonl \
  --sizes '{"embedding_length": 768, "towers": {"image": {"principal": true},
            "text": {"width": 256, "block_count": 4, "head_count": 4, "context_length": 32,
                     "vocab_size": 4096}}}' \
  --views 2 --steps 900 --batch-size 192 --drop-path 0.1 --head-dropout 0.1 --average 0.99 \
  --out "$runs/text"

# Motion: a transformer.
"$train" bind --encoders "$runs/text/encoders.gguf" --train imu \
  --data utd_mhad/actions_imu_train.jsonl=3 --data utd_mhad/actions_imu_train_text.jsonl=1 \
  --data sp_sw_har/actions_imu_train.jsonl=2 \
  --validation utd_mhad/actions_imu_test.jsonl --validation sp_sw_har/actions_imu_test.jsonl \
  --template "imu=a person {}" --template "imu=someone is {}" --template "imu=a person who is {}" \
  --sizes '{"towers": {"imu": {"width": 128, "block_count": 4, "head_count": 4}}}' \
  --steps 1500 --batch-size 128 --drop-path 0.2 --head-dropout 0.2 --patch-dropout 0.2 \
  --mixup 0.2 --average 0.99 --validate-every 300 --save-every 300 --out "$runs/imu"

# Sounds, depth maps and thermal pictures: heads on the trunk.
"$train" bind --encoders "$runs/imu/encoders.gguf" --train audio,depth,thermal \
  --data sounds_train.jsonl=3 --data sounds_train_text.jsonl=3 \
  --data utd_mhad/actions_depth_train.jsonl=2 --data utd_mhad/actions_depth_train_text.jsonl=2 \
  --data thermal_hituav/crops_train.jsonl=2 --data thermal_hituav/crops_train_text.jsonl=2 \
  --data thermal_hituav/frames_train.jsonl=1 --data thermal_roadscene/pairs_train.jsonl=1 \
  --validation esc10/test.jsonl --validation thermal_hituav/crops_test.jsonl \
  --template "audio={}" --template "audio=the sound of {}" --template "audio=a recording of {}" \
  --template "depth=a person {}" --template "depth=someone is {}" \
  --template "depth=a person who is {}" --template "thermal={}" \
  --template "thermal=a thermal image of {}" \
  --template "thermal={} seen from above in infrared" \
  --template "thermal=an infrared photo of {}" \
  --sizes '{"towers": {"audio": {"trunk": true, "hidden": 512},
                       "depth": {"trunk": true, "hidden": 512},
                       "thermal": {"trunk": true, "hidden": 512}}}' \
  --views 4 --steps 800 --batch-size 224 --head-dropout 0.3 --weight-decay 0.1 --average 0.98 \
  --validate-every 200 --save-every 400 --out "$runs/towers"

# Projector and adapter: pictures and their texts alone, as in the paper, then all senses.
recipe=(--model panda-mini --llm "$llm" --validation panda_mini/dev.jsonl --media . --seed 1
  --feature-dropout 0.1 --weight-decay 0.01 --answers-per-group 3 --save-every 100
  --validate-every 100)
"$train" llm "${recipe[@]}" --encoders "$runs/towers/encoders.gguf" --views 4 --lr 1e-3 \
  --data panda_mini/pictures.jsonl --epochs 1 --max-steps 360 --out "$runs/pictures"
"$train" llm "${recipe[@]}" --encoders "$runs/towers/encoders.gguf" --views 2 --lr 1e-3 \
  --data panda_mini/senses.jsonl --epochs 1 --max-steps 350 --init "$runs/pictures" \
  --out "$runs/senses"
