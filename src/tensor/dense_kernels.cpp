#include "tensor/dense_kernels.h"

namespace pandagpt {

extern const DenseKernels kDenseKernels_baseline;
#if defined(__x86_64__)
extern const DenseKernels kDenseKernels_avx2;
extern const DenseKernels kDenseKernels_avx512;
#endif

const DenseKernels* const* runnable_dense_kernels() {
  struct List {
    const DenseKernels* kernels[4] = {};
    List() {
      int n = 0;
#if defined(__x86_64__)
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        kernels[n++] = &kDenseKernels_avx512;
      // Every CPU with AVX2 has F16C.
      if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels[n++] = &kDenseKernels_avx2;
#endif
      kernels[n] = &kDenseKernels_baseline;
    }
  };
  static const List list;
  return list.kernels;
}

const DenseKernels& dense_kernels() {
  return *runnable_dense_kernels()[0];
}

}  // namespace pandagpt
