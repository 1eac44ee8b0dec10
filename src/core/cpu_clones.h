// Run-time choice of the instruction set for the few loops where it pays.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Before a function: compiled for AVX-512, AVX2 and the baseline; the loader picks one. Sanitizers
/// can't run inside the loader's choice, and other systems have none: there it is the baseline.
#define PANDAGPT_CPU_CLONES \
  [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), gnu::noinline]]
#else
#define PANDAGPT_CPU_CLONES
#endif
