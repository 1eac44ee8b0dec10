#!/usr/bin/env bash
# Makes the project ready to use: system packages, llama.cpp, model files, the pandagpt program.
# Idempotent and resumable: what is there is checked and left alone. See --help.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
source "$root/scripts/packages.sh"
source "$root/scripts/llama.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/setup.sh [--no-train] [--tests]

  --no-train   leave out libtorch's packages and pandagpt-train
  --tests      with the packages that only the tests need (scripts/test.sh)

Everything but the system packages stays in this folder: .venv (pip), .cache (llama.cpp, downloads,
logs), build/release, models/panda-mini. pip and ccache keep their own caches in ~/.cache. The pinned
files and their SHA-256 are in models/panda-mini/sources.tsv, scripts/demo_photos.tsv and
scripts/llama.sh.
TEXT
}

train=yes
tests=no
for argument in "$@"; do
  case $argument in
    --no-train) train=no ;;
    --tests) tests=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

# Two runs at once would write the same files.
if command -v flock >/dev/null; then
  exec 9>"$cache/setup.lock"
  flock -n 9 || { info "waiting for another setup.sh to end"; flock 9; }
fi

# A python3 that can make a virtual environment; the system's one first, since a version manager's
# may vanish or lack ensurepip.
find_python() {
  local python
  for python in /usr/bin/python3 python3 /opt/homebrew/bin/python3; do
    if command -v "$python" >/dev/null &&
      "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 8))' 2>/dev/null
    then
      command -v "$python"
      return
    fi
  done
  die "no python3 (3.8 or newer) with the venv and ensurepip modules was found"
}

make_venv() {
  if "$venv_python" -m pip --version >/dev/null 2>&1; then
    info ".venv is there"
    return
  fi
  local python
  python=$(find_python)
  info "making .venv with $python"
  logged venv "$python" -m venv --clear "$root/.venv"
}

# Ninja configures again by itself when a CMake file changes; what it can't see is a dependency that
# was not there before.
configure() {
  if [[ -f $build/build.ninja && $dependencies_changed == no ]]; then return; fi
  logged configure cmake --preset release
}

build_programs() {
  built build cmake --build "$build" --parallel --target pandagpt_cli
  if [[ $train == yes && -d $build/src/train ]] &&
    cmake --build "$build" --target help | grep "^pandagpt-train:" >/dev/null; then
    built build-train cmake --build "$build" --parallel --target pandagpt-train
  fi
}

# The SHA-256 that panda-mini's manifest gives for encoders.gguf, or nothing.
manifest_hash() {
  "$venv_python" - "$root/models/panda-mini/panda.json" <<'PYTHON'
import json, sys

try:
    with open(sys.argv[1], encoding="utf-8") as file:
        print(json.load(file)["files"]["encoders"].get("sha256", ""))
except FileNotFoundError:
    print("")
PYTHON
}

# The vision trunk, with the trained towers of the repository on it. Both steps always give the same
# bytes, so the manifest's hash tells whether these are the encoders that the projector was trained
# with.
make_encoders() {
  local folder=models/panda-mini want
  local output=$root/$folder/encoders.gguf trunk=$cache/efficientnet-lite0.gguf
  want=$(manifest_hash)
  if [[ -f $output && -n $want && $(file_sha256 "$output") == "$want" ]]; then
    info "$folder/encoders.gguf is there, and its SHA-256 is right"
    return
  fi
  info "converting EfficientNet-Lite0, and joining it with $folder/towers.gguf"
  logged convert "$build/src/cli/pandagpt" convert efficientnet-lite \
    "$cache/efficientnet-lite0.pth" -o "$trunk"
  logged join "$build/src/cli/pandagpt" convert join "$trunk" "$root/$folder/towers.gguf" \
    -o "$output"
  if [[ -n $want && $(file_sha256 "$output") != "$want" ]]; then
    die "$folder/encoders.gguf came out differently from what panda.json says ($want)"
  fi
}

dependencies_changed=no
steps=6
step "System packages"
install_packages "$train" "$tests"
step "Python environment for downloads (.venv)"
make_venv
step "llama.cpp"
install_llama
step "Model files and demo photos (110 MB and 13 MB to download)"
"$venv_python" scripts/fetch.py models/panda-mini/sources.tsv scripts/demo_photos.tsv
step "Build (build/release)"
configure
build_programs
step "panda-mini's encoders"
make_encoders
info "ready: build/release/src/cli/pandagpt"
