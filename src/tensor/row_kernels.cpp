#include "tensor/row_kernels.h"

namespace pandagpt {

extern const RowKernels kRowKernels_baseline;
#if defined(__x86_64__)
extern const RowKernels kRowKernels_avx2;
extern const RowKernels kRowKernels_avx512;
extern const RowKernels kRowKernels_avx512_bf16;
#endif

const RowKernels* const* runnable_row_kernels() {
  struct List {
    const RowKernels* kernels[5] = {};
    List() {
      int n = 0;
#if defined(__x86_64__)
      const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
      if (avx512 && __builtin_cpu_supports("avx512bf16")) kernels[n++] = &kRowKernels_avx512_bf16;
      if (avx512) kernels[n++] = &kRowKernels_avx512;
      if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels[n++] = &kRowKernels_avx2;
#endif
      kernels[n] = &kRowKernels_baseline;
    }
  };
  static const List list;
  return list.kernels;
}

const RowKernels& row_kernels() {
  return *runnable_row_kernels()[0];
}

}  // namespace pandagpt
