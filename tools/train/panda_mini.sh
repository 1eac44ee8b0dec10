#!/usr/bin/env bash
# Trains panda-mini from nothing but its data: the joint space, the towers, projector and adapter.
#
#   tools/train/panda_mini.sh DATA RUNS [DOWNLOADS]
#
# DATA is prepared by tools/data (unpacked from DOWNLOADS/*.tar if need be); RUNS takes every step's
# folder. A step that is done is not repeated, one that was stopped goes on. About five hours on 2
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
talk --out panda_mini/senses.jsonl --senses --share caption=0 --share agreed_caption=1 \
  --share yes_no=0.12 \
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
  --data sp_sw_har/actions_imu_train.jsonl=3 \
  --validation utd_mhad/actions_imu_test.jsonl --validation sp_sw_har/actions_imu_test.jsonl \
  --template "imu=a person {}" --template "imu=someone is {}" --template "imu=a person who is {}" \
  --sizes '{"towers": {"imu": {"width": 128, "block_count": 4, "head_count": 4}}}' \
  --steps 3200 --batch-size 128 --augment 2 --drop-path 0.2 --head-dropout 0.3 \
  --patch-dropout 0.5 --mixup 1 --weight-decay 0.2 --average 0.998 --seed 2 \
  --validate-every 800 --save-every 800 --out "$runs/imu"

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

# Projector and adapter. First captions alone on the trunk's own features ..
recipe=(--model panda-mini --llm "$llm" --media . --seed 1 --feature-dropout 0.1
  --weight-decay 0.01 --answers-per-group 3 --save-every 100)
python3 "$root/tools/data/prepare_panda_mini.py" --root . --out panda_mini/captions
"$train" llm "${recipe[@]}" --encoders "$trunk" --views 6 --validate-every 100 --lr 1e-3 --epochs 3 \
  --max-steps 900 --data panda_mini/captions/train.json --validation panda_mini/captions/val.json \
  --out "$runs/captions"

# .. which are carried over to the joint space: least squares over training photos. Things that no
# training photo shows are known from the trunk's classifier.
space=$runs/towers/encoders.gguf
python=${PYTHON:-python3}  # with numpy, gguf and torch
sed -n 's/.*"image": *"\([^"]*\)".*/imagenet1k_sample\/\1/p' imagenet1k_sample/objects_train.jsonl \
  >panda_mini/photos.txt
sed -n 's/.*"image": *"\([^"]*\)".*/flickr8k\/\1/p' flickr8k/captions_train.jsonl | sort -u |
  head -n 3000 >>panda_mini/photos.txt
[[ -f $runs/carried/adapter.gguf ]] ||
  "$python" "$root/tools/train/carry_projector.py" --run "$runs/captions" --from "$trunk" \
    --to "$space" --pandagpt "$pandagpt" --manifest panda_mini/photos.txt --root . \
    --out "$runs/carried"
[[ -f panda_mini/classes.jsonl ]] ||
  "$python" "$root/tools/data/class_embeddings.py" --root . --pandagpt "$pandagpt" \
    --trunk "$trunk" --encoders "$space" --out panda_mini/classes.jsonl

# Then every kind of question about pictures, as in the paper, and at last about all senses, with a
# lexicon beside the projector: names of what the classifier and the lists of the senses know.
cat panda_mini/pictures.jsonl panda_mini/classes.jsonl >panda_mini/pictures_classes.jsonl
shuf -n 13000 --random-source=<(yes) panda_mini/classes.jsonl |
  cat panda_mini/senses.jsonl - >panda_mini/senses_classes.jsonl
recipe+=(--encoders "$space" --validation panda_mini/dev.jsonl --validate-every 200)
"$train" llm "${recipe[@]}" --views 4 --lr 1e-3 --epochs 1 --max-steps 800 \
  --data panda_mini/pictures_classes.jsonl --init "$runs/carried" --out "$runs/pictures"
[[ -f $runs/lexicon/adapter.gguf ]] ||
  "$python" "$root/tools/train/lexicon.py" --run "$runs/pictures" --root . --pandagpt "$pandagpt" \
    --trunk "$trunk" --encoders "$space" --llm "$llm" --model "$root/models/panda-mini" \
    --list sounds_train.jsonl --list utd_mhad/actions_imu_train.jsonl \
    --list sp_sw_har/actions_imu_train.jsonl --list utd_mhad/actions_depth_train.jsonl \
    --list thermal_hituav/crops_train.jsonl --out "$runs/lexicon"
"$train" llm "${recipe[@]}" --views 4 --lr 1e-3 --epochs 2 --max-steps 1100 \
  --data panda_mini/senses_classes.jsonl --init "$runs/lexicon" --out "$runs/senses"

# At last inputs together, photos and other things with sounds, among a part of all that.
talk --out panda_mini/photo_and_sound.jsonl --senses --only photo_and_sound
talk --out panda_mini/text.jsonl --only text --share text=4
shuf -n 8000 --random-source=<(yes) panda_mini/senses_classes.jsonl |
  cat panda_mini/{photo_and_sound,classes_sounds,text}.jsonl - >panda_mini/together.jsonl
"$train" llm "${recipe[@]}" --views 4 --lr 7e-4 --epochs 1 --data panda_mini/together.jsonl \
  --init "$runs/senses" --out "$runs/together"

model=$runs/panda-mini
mkdir -p "$model"
cp "$root/models/panda-mini/panda.json" "$llm" "$space" "$runs"/together/{projector,adapter}.gguf "$model"
"$pandagpt" convert split "$trunk" "$space" -o "$model/towers.gguf"
# When it is not sure: numpy, Pillow and gguf, and COCO's photos in coco500.
"$python" "$root/tools/train/unsure.py" --root . --build "$root/build/release" --model "$model" \
  --strange panda_mini/strange
"$pandagpt" models hash "$model"
