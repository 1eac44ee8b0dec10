#include "tensor/block_kernels.h"

namespace pandagpt {

#if defined(__x86_64__)

extern const BlockKernels kBlockKernels_avx512_vnni;

const BlockKernels* block_kernels() {
  static const bool runnable =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni");
  return runnable ? &kBlockKernels_avx512_vnni : nullptr;
}

#else

const BlockKernels* block_kernels() {
  return nullptr;
}

#endif

}  // namespace pandagpt
