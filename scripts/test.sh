#!/usr/bin/env bash
# Sets up, builds everything, runs all tests. Arguments go to ctest, e.g. scripts/test.sh -R media
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/setup.sh"
steps=2
step "Build with tests"
built build-tests cmake --build "$build" --parallel
step "Tests"
status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 2 "$@" |
  tee "$cache/logs/ctest.log" || status=$?

# ctest's own closing line again, last, where it is easy to see.
grep -E '^[0-9]+% tests passed' "$cache/logs/ctest.log" || echo "no test was run"
exit "$status"
