// Compiled once per instruction set (cmake/PandagptKernels.cmake): PANDAGPT_ISA names the variant.
//
// Rows of weights are multiplied as they lie: 16 lanes along K, whose sums are added up at the end.
// With short rows (the second factor of a LoRA) that would be most of the work, so for several
// tokens 16 rows are transposed and the lanes are outputs. The order of each sum is the same.
#include "tensor/dense_kernels.h"
#include "tensor/simd16.h"
// After simd16.h:
#include "tensor/widen.h"

namespace pandagpt {
namespace {

template <typename W>
PANDAGPT_INLINE const W* row_of(const DenseProductRows& p, int64_t row) {
  return reinterpret_cast<const W*>(p.weights + row * p.row_bytes);
}

/// The product with `scale` is rounded before it is added, as where ggml does the two one after the
/// other: the compiler, which may fuse them otherwise, can't see what becomes of it in between.
template <typename Sum>
PANDAGPT_INLINE Sum with_addend(Sum sum, float scale, Sum addend) {
  Sum scaled = sum * scale;
#if defined(__AVX512F__)
  asm("" : "+v"(scaled));
#else
  asm("" : "+m"(scaled));
#endif
  return addend + scaled;
}

constexpr int kTogetherTokens = 4;

/// `count` tokens, 1 to kMost: calls rows.template operator()<count>().
template <int kMost = kTogetherTokens, typename Rows>
PANDAGPT_INLINE void with_count(int64_t count, const Rows& rows) {
  if constexpr (kMost > 1)
    if (count < kMost) return with_count<kMost - 1>(count, rows);
  rows.template operator()<kMost>();
}

/// Calls rows.template operator()<number of tokens>(first token) for all tokens, a few at a time.
template <typename Rows>
PANDAGPT_INLINE void for_tokens(int64_t n_tokens, const Rows& rows) {
  for (int64_t token = 0; token < n_tokens; token += kTogetherTokens) {
    const int64_t left = n_tokens - token;
    with_count(
        left < kTogetherTokens ? left : kTogetherTokens, [&]<int kTokens>() __attribute__((
                                                             always_inline)) {
          rows.template operator()<kTokens>(token);
        });
  }
}

// --- As they lie -------------------------------------------------------------------------------

/// The sums of four rows with kTokens tokens.
template <typename W, int kTokens>
PANDAGPT_INLINE void sum_rows(const W* const (&weights)[kFour], const float* x, int64_t n_in,
                              V4 (&sums)[kTokens]) {
  V16 lanes[kTokens][kFour] = {};
  const auto add = [&](int64_t k, int64_t n) __attribute__((always_inline)) {
    V16 values[kTokens];
    for (int t = 0; t < kTokens; ++t)
      values[t] = load_part(x + t * n_in + k, n);
    for (int i = 0; i < kFour; ++i) {
      const V16 w = widen(weights[i] + k, n);
      for (int t = 0; t < kTokens; ++t)
        lanes[t][i] += w * values[t];
    }
  };
  int64_t k = 0;
  for (; k + kLanes <= n_in; k += kLanes)
    add(k, kLanes);
  if (k < n_in) add(k, n_in - k);
  for (int t = 0; t < kTokens; ++t)
    sums[t] = four_sums(lanes[t]);
}

/// Up to four rows from `row` on.
template <typename W>
PANDAGPT_INLINE void multiply_four(const DenseProductRows& p, int64_t row) {
  const int64_t n_rows = p.n_rows - row < kFour ? p.n_rows - row : kFour;
  const W* weights[kFour];
  for (int64_t i = 0; i < kFour; ++i)  // those that are missing: the last one again
    weights[i] = row_of<W>(p, row + (i < n_rows ? i : n_rows - 1));
  const std::size_t bytes = static_cast<std::size_t>(n_rows) * sizeof(float);
  for_tokens(
      p.n_tokens, [&]<int kTokens>(int64_t token) __attribute__((always_inline)) {
        V4 sums[kTokens];
        sum_rows<W>(weights, p.x + token * p.n_in, p.n_in, sums);
        for (int t = 0; t < kTokens; ++t) {
          const int64_t at = (token + t) * p.y_stride + row;
          if (p.addend != nullptr) {
            V4 addend{};
            memcpy(&addend, p.addend + at, bytes);
            sums[t] = with_addend(sums[t], p.scale, addend);
          }
          memcpy(p.y + at, &sums[t], bytes);
        }
      });
}

template <typename W>
PANDAGPT_INLINE void multiply_rows(const DenseProductRows& p, int64_t row) {
  for (; row < p.n_rows; row += kFour)
    multiply_four<W>(p, row);
}

// --- Short rows, 16 at a time ------------------------------------------------------------------

/// The most inputs of a short row.
constexpr int64_t kShort = 64;

PANDAGPT_INLINE void put_sixteen(const DenseProductRows& p, int64_t row, int64_t token, V16 sums) {
  const int64_t at = token * p.y_stride + row;
  if (p.addend != nullptr) sums = with_addend(sums, p.scale, load(p.addend + at));
  store(p.y + at, sums);
}

/// For few tokens: as they lie.
template <typename W>
PANDAGPT_INLINE void multiply_sixteen(const DenseProductRows& p, int64_t n_in, int64_t row) {
  for_tokens(
      p.n_tokens, [&]<int kTokens>(int64_t token) __attribute__((always_inline)) {
        V4 sums[kTokens][kLanes / kFour];
        for (int64_t i = 0; i < kLanes; i += kFour) {
          const W* const weights[kFour] = {row_of<W>(p, row + i), row_of<W>(p, row + i + 1),
                                           row_of<W>(p, row + i + 2), row_of<W>(p, row + i + 3)};
          V4 four[kTokens];
          sum_rows<W>(weights, p.x + token * n_in, n_in, four);
          for (int t = 0; t < kTokens; ++t)
            sums[t][i / kFour] = four[t];
        }
        for (int t = 0; t < kTokens; ++t)
          put_sixteen(p, row, token + t, load_as<V16>(&sums[t]));
      });
}

/// Lane i of columns[k] is weight k of row i of 16.
using Columns = V16[kShort];

template <typename W>
PANDAGPT_INLINE void transpose(const DenseProductRows& p, int64_t row, Columns& columns) {
  float* flat = reinterpret_cast<float*>(&columns);
  for (int64_t i = 0; i < kLanes; ++i) {
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
  if (p.n_in % kStep != 0) return false;
  const __m512i first_then_second =
      _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,  //
                       30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
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
      const __m512i apart = _mm512_permutexvar_epi16(first_then_second, pairs[j]);
      columns[k + 2 * j] = (V16)_mm512_cvtph_ps(_mm512_castsi512_si256(apart));
      columns[k + 2 * j + 1] = (V16)_mm512_cvtph_ps(_mm512_extracti64x4_epi64(apart, 1));
    }
  }
  return true;
}
#endif

/// (part 0 + part 2) + (part 1 + part 3), where part(i, sums) gives part i.
template <int kTokens, typename Part>
PANDAGPT_INLINE void sum_four(const Part& part, V16 (&sums)[kTokens]) {
  V16 parts[kFour][kTokens];
  for (int i = 0; i < kFour; ++i)
    part(i, parts[i]);
  for (int t = 0; t < kTokens; ++t)
    sums[t] = (parts[0][t] + parts[2][t]) + (parts[1][t] + parts[3][t]);
}

/// What a lane holds of a row of n_in inputs that is multiplied as it lies.
template <int kTokens>
PANDAGPT_INLINE void sum_lane(int64_t n_in, const float* x, int lane, const Columns& columns,
                              V16 (&sums)[kTokens]) {
  for (V16& sum : sums)
    sum = V16{};
  for (int64_t k = lane; k < n_in; k += kLanes)
    for (int t = 0; t < kTokens; ++t)
      sums[t] += columns[k] * x[t * n_in + k];
}

PANDAGPT_INLINE void multiply_columns(const DenseProductRows& p, int64_t n_in, int64_t row,
                                      const Columns& columns) {
  for_tokens(
      p.n_tokens, [&]<int kTokens>(int64_t token) __attribute__((always_inline)) {
        const float* x = p.x + token * n_in;
        const auto group = [&](int g, V16(&sums)[kTokens]) __attribute__((always_inline)) {
          const auto lane = [&](int i, V16(&lanes)[kTokens]) __attribute__((always_inline)) {
            sum_lane(n_in, x, lane_of_group(g, i), columns, lanes);
          };
          sum_four(lane, sums);
        };
        V16 sums[kTokens];
        sum_four(group, sums);
        for (int t = 0; t < kTokens; ++t)
          put_sixteen(p, row, token + t, sums[t]);
      });
}

/// The fewest tokens for which it pays to transpose.
constexpr int64_t kFewestTransposed = 6;

/// 16 rows from `row` on; n_in is p.n_in.
template <typename W>
PANDAGPT_INLINE void multiply_tile(const DenseProductRows& p, int64_t n_in, int64_t row,
                                   Columns& columns) {
  if (p.n_tokens < kFewestTransposed) return multiply_sixteen<W>(p, n_in, row);
  bool done = false;
#if defined(__AVX512F__)
  if constexpr (__is_same(W, Half)) done = transpose_halves(p, row, columns);
#endif
  if (!done) transpose<W>(p, row, columns);
  multiply_columns(p, n_in, row, columns);
}

template <typename W>
void multiply_short(const DenseProductRows& p) {
  constexpr int64_t kUsualRank = 32;  // loops of a known length are much faster
  Columns columns;
  int64_t row = 0;
  if (p.n_in == kUsualRank)
    for (; row + kLanes <= p.n_rows; row += kLanes)
      multiply_tile<W>(p, kUsualRank, row, columns);
  for (; row + kLanes <= p.n_rows; row += kLanes)
    multiply_tile<W>(p, p.n_in, row, columns);
  multiply_rows<W>(p, row);
}

template <typename W>
void multiply_type(const DenseProductRows& p) {
  p.n_in <= kShort ? multiply_short<W>(p) : multiply_rows<W>(p, 0);
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
