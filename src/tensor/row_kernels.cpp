#include "tensor/row_kernels.h"

namespace pandagpt {

extern const RowKernels kRowKernels_baseline;
#if defined(__x86_64__)
extern const RowKernels kRowKernels_avx2;
extern const RowKernels kRowKernels_avx512;
extern const RowKernels kRowKernels_avx512_bf16;
#endif

const RowKernels& row_kernels() {
#if defined(__x86_64__)
  static const bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  static const RowKernels& best =
      avx512 && __builtin_cpu_supports("avx512bf16")                    ? kRowKernels_avx512_bf16
      : avx512                                                          ? kRowKernels_avx512
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kRowKernels_avx2
                                                                        : kRowKernels_baseline;
  return best;
#else
  return kRowKernels_baseline;
#endif
}

}  // namespace pandagpt
