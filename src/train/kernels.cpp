#include "train/kernels.h"

namespace pandagpt::train {

extern const Kernels kKernels_baseline;
#if defined(__x86_64__)
extern const Kernels kKernels_avx2;
extern const Kernels kKernels_avx512;
#endif

const Kernels& kernels() {
#if defined(__x86_64__)
  static const Kernels& best =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512vl")
          ? kKernels_avx512
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kKernels_avx2
                                                                        : kKernels_baseline;
  return best;
#else
  return kKernels_baseline;
#endif
}

}  // namespace pandagpt::train
