#!/usr/bin/env bash
# Builds a wheel of the Python package that runs on other machines, and tests it in a virtual
# environment of its own. See --help.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/wheel.sh [PYTHON]

  PYTHON   the interpreter that the wheel is for, with its headers (default: the one of .venv)

Writes build/wheel/pandagpt-*.whl for any x86-64 processor with AVX2. Sets up what it needs
(scripts/setup.sh), and a llama.cpp in .cache/llama.cpp-portable.
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
"$root/scripts/setup.sh" --no-train
source "$root/scripts/llama.sh"
python=$(readlink -f "${1:-$venv_python}")
"$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
  die "$python is no Python 3.10 or newer with the venv and ensurepip modules"

out=$root/build/wheel
tools=$out/tools
# The libraries that auditwheel has put into a wheel come from Debian's packages; each has its
# licence in /usr/share/doc.
add_licences() {
  local wheel=$1 unpacked=$out/unpacked library name package
  rm -rf "$unpacked"
  "$tools/bin/python" -m zipfile -e "$wheel" "$unpacked"
  mkdir -p "$unpacked/pandagpt.libs/licenses"
  cp "$llama_prefix/share/licenses/llama.cpp/LICENSE" "$unpacked/pandagpt.libs/licenses/llama.cpp" \
    2>/dev/null || true  # a llama.cpp of the system's is a package as the others
  for library in "$unpacked"/pandagpt.libs/*.so*; do
    # libgdk_pixbuf-2-9cd4f4a1.0.so.0 -> libgdk_pixbuf-2.0.so.0
    name=$(basename "$library" | sed -E 's/-[0-9a-f]{8}\././')
    package=$(dpkg-query -S "*/$name" 2>/dev/null | sed -n '1s/:.*//p' || true)
    [[ -n $package && -f /usr/share/doc/$package/copyright ]] ||
      die "$name in the wheel: its package's licence was not found"
    cp -L "/usr/share/doc/$package/copyright" "$unpacked/pandagpt.libs/licenses/$package"
  done
  "$tools/bin/python" -m wheel pack "$unpacked" --dest-dir "$out" >/dev/null
}

steps=5
step "llama.cpp for any processor with AVX2"
install_portable_llama
step "Tools (build/wheel/tools)"
"$python" -m venv --clear "$tools"
logged wheel-tools "$tools/bin/python" -m pip install wheel --requirement python/requirements.txt
step "Wheel"
rm -rf "$out/raw" "$out/repaired"
# By the compiler's usual names, so that ccache knows what the build tree has compiled already.
CC=cc CXX=c++ PATH=$tools/bin:$PATH logged wheel-build "$tools/bin/python" -m pip wheel . --no-deps \
  --no-build-isolation --wheel-dir "$out/raw" \
  "--config-settings=cmake.define.CMAKE_PREFIX_PATH=$llama_prefix" \
  --config-settings=cmake.define.PANDAGPT_SOURCE_MODELS= \
  "--config-settings=build-dir=build/wheel-{wheel_tag}"
step "Libraries into the wheel"
PATH=$tools/bin:$PATH logged wheel-repair "$tools/bin/auditwheel" repair --wheel-dir "$out/repaired" \
  "$out"/raw/pandagpt-*.whl
add_licences "$out"/repaired/pandagpt-*.whl
wheel=$out/$(basename "$out"/repaired/pandagpt-*.whl)
rm -rf "$out/raw" "$out/repaired" "$out/unpacked"
step "Tests in a virtual environment of its own"
"$python" -m venv --clear "$out/clean"
logged wheel-install "$out/clean/bin/python" -m pip install --constraint tests/requirements.txt \
  mypy pillow pytest "$wheel"
(cd "$out" && env -u PYTHONPATH PANDAGPT_CLI="$build/src/cli/pandagpt" GOMP_SPINCOUNT=3000 \
  "$out/clean/bin/python" -B -m pytest -q -p no:cacheprovider "$root/tests/python")
info "$(ls "$wheel"), $(du -h "$wheel" | cut -f1)"
