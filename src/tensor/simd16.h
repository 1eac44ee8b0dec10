// Vectors of 16 floats for the row kernels: one AVX-512 register, two of AVX2, four of SSE or NEON.
//
// Included only by files that are compiled once per instruction set: everything is in an unnamed
// namespace and inlined, so that the linker can't merge code of different sets.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__F16C__)
#include <immintrin.h>
#endif

#define PANDAGPT_INLINE_METHOD inline __attribute__((always_inline))
#define PANDAGPT_INLINE static PANDAGPT_INLINE_METHOD

namespace pandagpt {
namespace {

constexpr int64_t kLanes = 16;

typedef float V16 __attribute__((vector_size(64)));
typedef int32_t I16 __attribute__((vector_size(64)));
typedef uint32_t U16 __attribute__((vector_size(64)));
typedef uint16_t H16 __attribute__((vector_size(32)));

PANDAGPT_INLINE V16 broadcast(float value) {
  return V16{} + value;
}
template <typename T, typename From>
PANDAGPT_INLINE T load_as(const From* p) {
  T value;
  memcpy(&value, p, sizeof(value));
  return value;
}
PANDAGPT_INLINE V16 load(const float* p) {
  return load_as<V16>(p);
}
/// The first n of 16; zeros after them.
PANDAGPT_INLINE V16 load_part(const float* p, int64_t n) {
  if (n >= kLanes) return load(p);
  V16 value{};
  memcpy(&value, p, static_cast<size_t>(n) * sizeof(float));
  return value;
}
PANDAGPT_INLINE I16 load_part(const int32_t* p, int64_t n) {
  if (n >= kLanes) return load_as<I16>(p);
  I16 value{};
  memcpy(&value, p, static_cast<size_t>(n) * sizeof(int32_t));
  return value;
}
PANDAGPT_INLINE void store(float* p, V16 value) {
  memcpy(p, &value, sizeof(value));
}
PANDAGPT_INLINE void store_part(float* p, V16 value, int64_t n) {
  if (n >= kLanes) return store(p, value);
  memcpy(p, &value, static_cast<size_t>(n) * sizeof(float));
}

PANDAGPT_INLINE V16 select(I16 mask, V16 yes, V16 no) {
  return mask ? yes : no;
}
/// b where one of them is not a number.
PANDAGPT_INLINE V16 minimum(V16 a, V16 b) {
#if defined(__AVX512F__)
  return (V16)_mm512_min_ps((__m512)a, (__m512)b);
#else
  return select(a < b, a, b);
#endif
}
PANDAGPT_INLINE V16 maximum(V16 a, V16 b) {
#if defined(__AVX512F__)
  return (V16)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return select(a > b, a, b);
#endif
}
PANDAGPT_INLINE V16 magnitude(V16 a) {
  return (V16)((U16)a & 0x7FFFFFFFU);
}

PANDAGPT_INLINE float sum_of(V16 a) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i)
    sum += a[i];
  return sum;
}
PANDAGPT_INLINE float largest_of(V16 a) {
  float largest = a[0];
  for (int i = 1; i < kLanes; ++i)
    largest = a[i] > largest ? a[i] : largest;
  return largest;
}

PANDAGPT_INLINE V16 bf16_to_f32(H16 x) {
  return (V16)(__builtin_convertvector(x, U16) << 16);
}
/// Rounds to nearest, ties to even.
PANDAGPT_INLINE H16 f32_to_bf16(V16 x) {
#if defined(__AVX512BF16__)
  return (H16)_mm512_cvtneps_pbh((__m512)x);
#else
  const U16 bits = (U16)x;
  return __builtin_convertvector((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16, H16);
#endif
}
PANDAGPT_INLINE V16 load(const uint16_t* p) {
  return bf16_to_f32(load_as<H16>(p));
}
PANDAGPT_INLINE V16 load_part(const uint16_t* p, int64_t n) {
  if (n >= kLanes) return load(p);
  H16 value{};
  memcpy(&value, p, static_cast<size_t>(n) * sizeof(uint16_t));
  return bf16_to_f32(value);
}
PANDAGPT_INLINE void store_part(uint16_t* p, V16 value, int64_t n) {
  const H16 rounded = f32_to_bf16(value);
  if (n >= kLanes)
    memcpy(p, &rounded, sizeof(rounded));
  else
    memcpy(p, &rounded, static_cast<size_t>(n) * sizeof(uint16_t));
}

/// From IEEE halves.
PANDAGPT_INLINE V16 f16_to_f32(H16 x) {
#if defined(__AVX512F__)
  return (V16)_mm512_cvtph_ps((__m256i)x);
#elif defined(__F16C__)
  V16 result;
  for (int i = 0; i < 2; ++i) {
    const __m256 eight = _mm256_cvtph_ps(load_as<__m128i>((const char*)&x + 16 * i));
    memcpy((char*)&result + 32 * i, &eight, sizeof(eight));
  }
  return result;
#else
  const U16 bits = __builtin_convertvector(x, U16);
  const U16 sign = (bits & 0x8000U) << 16;
  // The exponent's bias is 127 instead of 15; the product makes normal numbers of small ones, too.
  const V16 value = (V16)((bits & 0x7FFFU) << 13) * 0x1p112F;
  const U16 is_special = (U16)((bits & 0x7C00U) == 0x7C00U);
  return (V16)((U16)value | sign | (is_special & 0x7F800000U));
#endif
}
PANDAGPT_INLINE V16 load_half(const uint16_t* p) {
  return f16_to_f32(load_as<H16>(p));
}
PANDAGPT_INLINE V16 load_half_part(const uint16_t* p, int64_t n) {
  if (n >= kLanes) return load_half(p);
  H16 value{};
  memcpy(&value, p, static_cast<size_t>(n) * sizeof(uint16_t));
  return f16_to_f32(value);
}

/// The first n of 16 integers that fit into T, a byte.
template <typename T>
PANDAGPT_INLINE void store_bytes(T* p, I16 value, int64_t n) {
  typedef T Bytes __attribute__((vector_size(16)));
  const Bytes bytes = __builtin_convertvector(value, Bytes);
  if (n >= kLanes)
    memcpy(p, &bytes, sizeof(bytes));
  else
    memcpy(p, &bytes, static_cast<size_t>(n));
}

/// To the nearest integer; |x| < 2^22.
PANDAGPT_INLINE V16 round_to_nearest(V16 x) {
  const V16 magic = broadcast(12582912.0F);  // 1.5 * 2^23: the sum has no fraction bits left
  return (x + magic) - magic;
}

/// exp by range reduction and a polynomial (Cephes expf): 2 ulp. x is at most 88; results below the
/// normal numbers become the smallest of them.
PANDAGPT_INLINE V16 exp_of(V16 x) {
  x = maximum(x, broadcast(-87.0F));
#if defined(__AVX512F__)
  const V16 n = (V16)_mm512_roundscale_ps((__m512)(x * 1.44269504088896341F), 0);
#else
  const V16 n = round_to_nearest(x * 1.44269504088896341F);
#endif
  const V16 r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  V16 p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + (r + 1.0F);
#if defined(__AVX512F__)
  return (V16)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  return p * (V16)((__builtin_convertvector(n, I16) + 127) << 23);
#endif
}

/// The error function as a quotient of polynomials (the one of XLA and Eigen): 3e-7 absolute.
PANDAGPT_INLINE V16 erf_of(V16 x) {
  x = minimum(maximum(x, broadcast(-4.0F)), broadcast(4.0F));
  const V16 s = x * x;
  V16 p = s * -2.72614225801306e-10F + 2.77068142495902e-08F;
  p = p * s + -2.10102402082508e-06F;
  p = p * s + -5.69250639462346e-05F;
  p = p * s + -7.34990630326855e-04F;
  p = p * s + -2.95459980854025e-03F;
  p = p * s + -1.60960333262415e-02F;
  V16 q = s * -1.45660718464996e-05F + -2.13374055278905e-04F;
  q = q * s + -1.68282697438203e-03F;
  q = q * s + -7.37332916720468e-03F;
  q = q * s + -1.42647390514189e-02F;
  return x * p / q;
}
PANDAGPT_INLINE V16 gelu_of(V16 x) {
  return 0.5F * x * (1.0F + erf_of(x * 0.70710678118654752F));
}

}  // namespace
}  // namespace pandagpt
