// Compiled once per instruction set (cmake/PandagptKernels.cmake): PANDAGPT_ISA names the variant.
//
// Long rows of weights are multiplied as they lie: 16 lanes along K, whose sums are added up at the
// end. Of short rows (the second factor of a LoRA) that would be most of the work, so 16 of them
// are transposed and the lanes are outputs. Which of the two, and the order of each sum, depends on
// K only.
#include "tensor/dense_kernels.h"
#include "tensor/simd16.h"
// After simd16.h:
#include "tensor/widen.h"

namespace pandagpt {
namespace {

/// The most inputs of a short row.
constexpr int64_t kShort = 64;

template <typename W>
PANDAGPT_INLINE const W* row_of(const DenseProductRows& p, int64_t row) {
  return reinterpret_cast<const W*>(p.weights + row * p.row_bytes);
}

/// The product with `scale` is rounded before it is added, as where ggml does the two one after the
/// other: the compiler, which may fuse them otherwise, can't see through memory.
PANDAGPT_INLINE V16 sum_with_addend(V16 sum, float scale, V16 addend) {
  V16 scaled = sum * scale;
  asm volatile("" : "+m"(scaled));
  return addend + scaled;
}

// --- Long rows ---------------------------------------------------------------------------------

constexpr int kTogetherTokens = 4;

PANDAGPT_INLINE void put(const DenseProductRows& p, int64_t row, int64_t token, int64_t n_rows,
                         V4 sums) {
  float* y = p.y + token * p.y_stride + row;
  for (int64_t i = 0; i < n_rows; ++i) {
    float value = sums[i];
    if (p.addend != nullptr) {
      float scaled = value * p.scale;
      asm volatile("" : "+m"(scaled));
      value = p.addend[token * p.y_stride + row + i] + scaled;
    }
    y[i] = value;
  }
}

/// Up to kFour rows from `row` on, by kTokens tokens from `token` on.
template <typename W, int kTokens>
PANDAGPT_INLINE void long_rows(const DenseProductRows& p, int64_t row, int64_t token) {
  const int64_t n_rows = p.n_rows - row < kFour ? p.n_rows - row : kFour;
  const W* weights[kFour];
  for (int64_t i = 0; i < kFour; ++i)  // those that are missing: the last one again
    weights[i] = row_of<W>(p, row + (i < n_rows ? i : n_rows - 1));
  const float* x = p.x + token * p.n_in;
  V16 sums[kTokens][kFour] = {};
  const auto add = [&](int64_t k, int64_t n) __attribute__((always_inline)) {
    V16 values[kTokens];
    for (int t = 0; t < kTokens; ++t)
      values[t] = load_part(x + t * p.n_in + k, n);
    for (int i = 0; i < kFour; ++i) {
      const V16 w = widen(weights[i] + k, n);
      for (int t = 0; t < kTokens; ++t)
        sums[t][i] += w * values[t];
    }
  };
  int64_t k = 0;
  for (; k + kLanes <= p.n_in; k += kLanes)
    add(k, kLanes);
  if (k < p.n_in) add(k, p.n_in - k);
  for (int t = 0; t < kTokens; ++t)
    put(p, row, token + t, n_rows, four_sums(sums[t]));
}

template <typename W>
void multiply_long(const DenseProductRows& p) {
  for (int64_t row = 0; row < p.n_rows; row += kFour) {
    int64_t token = 0;
    for (; token + kTogetherTokens <= p.n_tokens; token += kTogetherTokens)
      long_rows<W, kTogetherTokens>(p, row, token);
    switch (p.n_tokens - token) {
      case 3:
        long_rows<W, 3>(p, row, token);
        break;
      case 2:
        long_rows<W, 2>(p, row, token);
        break;
      case 1:
        long_rows<W, 1>(p, row, token);
        break;
      default:
        break;
    }
  }
}

// --- Short rows --------------------------------------------------------------------------------

/// Lane i of columns[k] is weight k of row i of 16; zero where there is none.
using Columns = V16[kShort];

template <typename W>
PANDAGPT_INLINE void transpose(const DenseProductRows& p, int64_t row, Columns& columns) {
  const int64_t n_rows = p.n_rows - row < kLanes ? p.n_rows - row : kLanes;
  float* flat = reinterpret_cast<float*>(&columns);
  for (int64_t k = 0; k < p.n_in; ++k)
    columns[k] = V16{};
  for (int64_t i = 0; i < n_rows; ++i) {
    const W* weights = row_of<W>(p, row + i);
    for (int64_t k = 0; k < p.n_in; k += kLanes) {
      const int64_t n = p.n_in - k < kLanes ? p.n_in - k : kLanes;
      const V16 values = widen(weights + k, n);
      for (int64_t j = 0; j < n; ++j)
        flat[(k + j) * kLanes + i] = values[j];
    }
  }
}

#if defined(__AVX512F__)
/// Pairs of halves are transposed as dwords, then taken apart.
PANDAGPT_INLINE bool transpose_halves(const DenseProductRows& p, int64_t row, Columns& columns) {
  constexpr int64_t kStep = 8;  // halves in 128 bits
  if (p.n_in % kStep != 0 || p.n_rows - row < kLanes) return false;
  const std::byte* rows = p.weights + row * p.row_bytes;
  for (int64_t k = 0; k < p.n_in; k += kStep) {
    const auto four = [&](int first) {
      const auto load16 = [&](int i) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(
            rows + (first + i) * p.row_bytes + k * static_cast<int64_t>(sizeof(Half))));
      };
      __m512i all = _mm512_castsi128_si512(load16(0));
      all = _mm512_inserti32x4(all, load16(4), 1);
      all = _mm512_inserti32x4(all, load16(8), 2);
      return _mm512_inserti32x4(all, load16(12), 3);
    };
    const __m512i a = four(0);
    const __m512i b = four(1);
    const __m512i c = four(2);
    const __m512i d = four(3);
    const __m512i ab_low = _mm512_unpacklo_epi32(a, b);
    const __m512i ab_high = _mm512_unpackhi_epi32(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi32(c, d);
    const __m512i cd_high = _mm512_unpackhi_epi32(c, d);
    const __m512i pairs[4] = {
        _mm512_unpacklo_epi64(ab_low, cd_low), _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high), _mm512_unpackhi_epi64(ab_high, cd_high)};
    for (int j = 0; j < 4; ++j) {
      const __m512i high = _mm512_srli_epi32(pairs[j], 16);
      columns[k + 2 * j] = (V16)_mm512_cvtph_ps(_mm512_cvtepi32_epi16(pairs[j]));
      columns[k + 2 * j + 1] = (V16)_mm512_cvtph_ps(_mm512_cvtepi32_epi16(high));
    }
  }
  return true;
}
#endif

/// kTokens tokens from `token` on: the even k and the odd ones are summed apart.
template <int kTokens>
PANDAGPT_INLINE void short_rows(const DenseProductRows& p, int64_t row, int64_t token,
                                const Columns& columns) {
  const int64_t n_rows = p.n_rows - row < kLanes ? p.n_rows - row : kLanes;
  const float* x = p.x + token * p.n_in;
  V16 even[kTokens] = {};
  V16 odd[kTokens] = {};
  int64_t k = 0;
  for (; k + 2 <= p.n_in; k += 2)
    for (int t = 0; t < kTokens; ++t) {
      even[t] += columns[k] * x[t * p.n_in + k];
      odd[t] += columns[k + 1] * x[t * p.n_in + k + 1];
    }
  if (k < p.n_in)
    for (int t = 0; t < kTokens; ++t)
      even[t] += columns[k] * x[t * p.n_in + k];
  for (int t = 0; t < kTokens; ++t) {
    const int64_t at = (token + t) * p.y_stride + row;
    V16 value = even[t] + odd[t];
    if (p.addend != nullptr)
      value = sum_with_addend(value, p.scale, load_part(p.addend + at, n_rows));
    store_part(p.y + at, value, n_rows);
  }
}

constexpr int kShortTokens = 8;

template <int kMost = kShortTokens>
PANDAGPT_INLINE void some_short_rows(const DenseProductRows& p, int64_t row, int64_t token,
                                     int64_t count, const Columns& columns) {
  if constexpr (kMost > 1)
    if (count < kMost) return some_short_rows<kMost - 1>(p, row, token, count, columns);
  short_rows<kMost>(p, row, token, columns);
}

template <typename W>
void multiply_short(const DenseProductRows& p) {
  Columns columns;
  for (int64_t row = 0; row < p.n_rows; row += kLanes) {
    bool done = false;
#if defined(__AVX512F__)
    if constexpr (__is_same(W, Half)) done = transpose_halves(p, row, columns);
#endif
    if (!done) transpose<W>(p, row, columns);
    for (int64_t token = 0; token < p.n_tokens; token += kShortTokens) {
      const int64_t left = p.n_tokens - token;
      some_short_rows(p, row, token, left < kShortTokens ? left : kShortTokens, columns);
    }
  }
}

template <typename W>
void multiply_type(const DenseProductRows& p) {
  p.n_in <= kShort ? multiply_short<W>(p) : multiply_long<W>(p);
}

void multiply(const DenseProductRows& product) {
  switch (product.type) {
    case DenseType::kF32:
      return multiply_type<float>(product);
    case DenseType::kF16:
      return multiply_type<Half>(product);
    case DenseType::kBf16:
      return multiply_type<Brain>(product);
  }
}

}  // namespace

#define PANDAGPT_CONCAT_(a, b) a##b
#define PANDAGPT_CONCAT(a, b) PANDAGPT_CONCAT_(a, b)
#define PANDAGPT_TEXT_(a) #a
#define PANDAGPT_TEXT(a) PANDAGPT_TEXT_(a)
extern const DenseKernels PANDAGPT_CONCAT(kDenseKernels_, PANDAGPT_ISA);
const DenseKernels PANDAGPT_CONCAT(kDenseKernels_, PANDAGPT_ISA) = {PANDAGPT_TEXT(PANDAGPT_ISA),
                                                                    multiply};

}  // namespace pandagpt
