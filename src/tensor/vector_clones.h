// PANDAGPT_VECTOR_CLONES: compiles a function once for each x86-64 level; the loader picks the best
// one for the machine. The sanitizers' runtimes are not up when the loader asks, so they get one.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PANDAGPT_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PANDAGPT_VECTOR_CLONES
#endif
