#include "tensor/cache_attention_kernels.h"

namespace pandagpt {

extern const CacheAttentionKernels kCacheAttentionKernels_baseline;
#if defined(__x86_64__)
extern const CacheAttentionKernels kCacheAttentionKernels_avx2;
extern const CacheAttentionKernels kCacheAttentionKernels_avx512;
#endif

const CacheAttentionKernels* const* runnable_cache_attention_kernels() {
  struct List {
    const CacheAttentionKernels* kernels[4] = {};
    List() {
      int n = 0;
#if defined(__x86_64__)
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        kernels[n++] = &kCacheAttentionKernels_avx512;
      // Every CPU with AVX2 has F16C.
      if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        kernels[n++] = &kCacheAttentionKernels_avx2;
#endif
      kernels[n] = &kCacheAttentionKernels_baseline;
    }
  };
  static const List list;
  return list.kernels;
}

const CacheAttentionKernels& cache_attention_kernels() {
  return *runnable_cache_attention_kernels()[0];
}

}  // namespace pandagpt
