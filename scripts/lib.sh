# Shared by the scripts of this folder (sourced, not run): strict mode, places, messages, logging.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
venv_python=$root/.venv/bin/python
build=$root/build/release
mkdir -p "$cache/logs"
cd "$root"

info() { printf '      %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step TEXT: the next "[2/6] TEXT" line; the caller sets `steps` to their number.
steps=0
step_number=0
step() {
  step_number=$((step_number + 1))
  printf '[%d/%d] %s\n' "$step_number" "$steps" "$*"
}

# logged NAME COMMAND...: runs a command with its output in .cache/logs/NAME.log; shows the end of
# the log only if the command fails.
logged() {
  local log=$cache/logs/$1.log
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "'$*' failed; the whole log: $log"
  fi
}

# built NAME COMMAND...: a build. Ninja's one-line display on a terminal, `logged` elsewhere.
built() {
  if [[ -t 1 ]]; then
    "${@:2}" || die "'${*:2}' failed"
  else
    logged "$@"
  fi
}

file_sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1" | cut -d' ' -f1
  else
    shasum -a 256 "$1" | cut -d' ' -f1  # macOS
  fi
}
