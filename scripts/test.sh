#!/usr/bin/env bash
# Sets up, builds everything, runs all tests. Arguments go to ctest, e.g. scripts/test.sh -R media
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/setup.sh" --tests
steps=3
step "Python packages of the tests (.venv)"
if "$venv_python" -m pip install --dry-run --quiet --no-index --requirement tests/requirements.txt \
  >/dev/null 2>&1; then
  info "they are there"
else
  logged test-packages "$venv_python" -m pip install --requirement tests/requirements.txt
  # CMake looks for them when it is configured.
  logged configure cmake --preset release
fi
step "Build with tests"
built build-tests cmake --build "$build" --parallel
step "Tests"
status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 2 "$@" |
  tee "$cache/logs/ctest.log" || status=$?

# ctest's own closing line again, last, where it is easy to see.
grep -E '^[0-9]+% tests passed' "$cache/logs/ctest.log" || echo "no test was run"
exit "$status"
