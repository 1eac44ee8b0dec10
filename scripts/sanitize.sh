#!/usr/bin/env bash
# The server under sanitizers: what strangers send it (AddressSanitizer and UBSan), and its threads
# (ThreadSanitizer). Arguments: asan, tsan; without any, both.
#
# Instrumented are the server, the tests and the layers that are at stake; the others come from the
# compiler's cache as scripts/test.sh has built them, which keeps this to some minutes.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -gt 0 ]] || set -- asan tsan
for sanitizer in "$@"; do
  [[ $sanitizer == asan || $sanitizer == tsan ]] || die "usage: scripts/sanitize.sh [asan] [tsan]"
done
steps=$(($# * 2))

# built_with PRESET LAYERS TARGET...
built_with() {
  logged "configure-$1" cmake --preset "$1" -B "build/sanitize-$1" -DCMAKE_BUILD_TYPE=Release \
    "-DPANDAGPT_SANITIZE_LAYERS=$2"
  built "build-$1" cmake --build "build/sanitize-$1" --parallel --target "${@:3}"
}

# passed NAME PROGRAM [ARGUMENT...]: a GoogleTest program; its last line.
passed() {
  logged "$1" "${@:2}"
  info "$(grep -E '^\[  PASSED  \]' "$cache/logs/$1.log")"
}

# With addresses at random, GCC's ThreadSanitizer may find its own ones taken; some containers forbid
# to fix them.
fixed=()
if setarch --addr-no-randomize true 2>/dev/null; then fixed=(setarch --addr-no-randomize); fi

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$root/cmake/tsan.supp

for sanitizer in "$@"; do
  step "Build with $sanitizer"
  if [[ $sanitizer == asan ]]; then
    built_with asan 'core;store;media;preprocess;pipeline' server_test
    step "Requests, good, bad and mutated"
    PANDAGPT_MUTATIONS=2000 passed server-asan build/sanitize-asan/tests/server_test
  else
    # How OpenMP's threads meet, in GCC's libgomp, can't be seen: no 'tensor', and one of them.
    built_with tsan 'core;store;llm;pipeline' server_test batch_scheduler_test
    step "Scheduler, queues and clients at once"
    passed scheduler-tsan env OMP_THREAD_LIMIT=1 "${fixed[@]}" build/sanitize-tsan/tests/batch_scheduler_test
    passed server-tsan env OMP_THREAD_LIMIT=1 "${fixed[@]}" build/sanitize-tsan/tests/server_test \
      --gtest_filter='ServerChat*:ServerOperation*:ServerRobustness*:WorkQueue*:FileStore*'
  fi
done
