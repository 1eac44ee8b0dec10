// For kernels over numbers of several formats: as vectors of f32, and sums of their lanes.
//
// Included behind simd16.h, by files that are compiled once per instruction set.
#pragma once

#include "tensor/simd16.h"

namespace pandagpt {
namespace {

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

PANDAGPT_INLINE V16 widen(const float* p, int64_t n) {
  return load_part(p, n);
}
PANDAGPT_INLINE V16 widen(const Half* p, int64_t n) {
  return load_half_part(&p->bits, n);
}
PANDAGPT_INLINE V16 widen(const Brain* p, int64_t n) {
  return load_part(&p->bits, n);
}

constexpr int kFour = 4;
typedef float V4 __attribute__((vector_size(16)));

/// The order in which 16 lanes are added up: lanes of a group 0 + 2 and 1 + 3, then those two, then
/// the groups likewise. Group g's lane i:
constexpr int lane_of_group(int group, int i) {
#if defined(__AVX512F__)
  return kFour * group + i;
#else
  return group + kFour * i;
#endif
}

/// Each one's 16 lanes added up in that order.
PANDAGPT_INLINE V4 four_sums(const V16 (&x)[kFour]) {
#if defined(__AVX512F__)
  const auto halves = [](__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  };
  const __m512d ab = _mm512_castps_pd(halves((__m512)x[0], (__m512)x[1]));
  const __m512d cd = _mm512_castps_pd(halves((__m512)x[2], (__m512)x[3]));
  const __m512 lanes = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)),
                                     _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
  const __m256 eight =
      _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
  return (V4)_mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
#else
  V4 sums;
  for (int i = 0; i < kFour; ++i) {
    V4 quarters[4];
    memcpy(quarters, &x[i], sizeof(quarters));
    const V4 lanes = (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
    sums[i] = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  }
  return sums;
#endif
}

}  // namespace
}  // namespace pandagpt
