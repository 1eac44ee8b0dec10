// Attention of one head, in blocks of queries: scores, softmax and the weighted sum of the values
// never leave the cache. A part of row_kernels_impl.cpp, hence compiled once per instruction set.
//
// The arithmetic is f32, or bf16 products with f32 sums where both the data and the CPU have them.
// A "unit" is what one 32-bit lane multiplies: one f32, or a pair of neighbouring bf16. Packed:
//   keys    (units of D, K)  K = keys, padded to whole vectors
//   values  (units of K, D)  D padded to whole vectors
//   queries (Q, units of D), scores and weights (Q, K), sums (Q, D)  Q = kQueryBlock
#pragma once

#include "tensor/row_kernels.h"
#include "tensor/simd16.h"

namespace pandagpt {
namespace {

struct F32Arithmetic {
  using Number = float;
  using Unit = float;
  static constexpr int64_t kPair = 1;  // numbers a unit
  PANDAGPT_INLINE V16 add_product(V16 sum, Unit a, const Unit* b) { return sum + a * load(b); }
};

#if defined(__AVX512BF16__)
struct Bf16Arithmetic {
  using Number = uint16_t;
  using Unit = uint32_t;
  static constexpr int64_t kPair = 2;
  PANDAGPT_INLINE V16 add_product(V16 sum, Unit a, const Unit* b) {
    return (V16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)),
                                 (__m512bh)_mm512_loadu_si512(b));
  }
};
#endif

#if defined(__AVX512F__)
constexpr int kTileVectors = 4;  // 24 sums, 4 of b and one of a in 32 registers
#else
constexpr int kTileVectors = 1;  // 6 sums are 12 of AVX2's 16 registers
#endif
constexpr int kTileRows = 6;
static_assert(kQueryBlock % kTileRows == 0);

/// c (kTileRows, kVectors * 16) = a (kTileRows, units) b (units, kVectors * 16).
template <typename A, int kVectors>
PANDAGPT_INLINE void product_tile(const typename A::Unit* a, int64_t lda, const typename A::Unit* b,
                                  int64_t ldb, int64_t units, float* c, int64_t ldc) {
  V16 sums[kTileRows][kVectors] = {};
  for (int64_t u = 0; u < units; ++u) {
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        sums[r][v] = A::add_product(sums[r][v], a[r * lda + u], b + u * ldb + v * kLanes);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      store(c + r * ldc + v * kLanes, sums[r][v]);
}

/// c (kQueryBlock, vectors * 16) = a (kQueryBlock, units) b (units, vectors * 16).
template <typename A>
void product(const typename A::Unit* a, int64_t lda, const typename A::Unit* b, int64_t ldb,
             int64_t units, float* c, int64_t ldc, int64_t vectors) {
  for (int64_t v = 0; v < vectors;) {
    // Five are better cut into 3 + 2 than into 4 + 1.
    const int64_t left = vectors - v;
    const int64_t width = left == kTileVectors + 1 && kTileVectors > 1 ? kTileVectors - 1
                          : left < kTileVectors                        ? left
                                                                       : kTileVectors;
    const auto* bv = b + v * kLanes;
    for (int64_t r = 0; r < kQueryBlock; r += kTileRows) {
      float* cv = c + r * ldc + v * kLanes;
      if (width == 1) product_tile<A, 1>(a + r * lda, lda, bv, ldb, units, cv, ldc);
#if defined(__AVX512F__)
      if (width == 2) product_tile<A, 2>(a + r * lda, lda, bv, ldb, units, cv, ldc);
      if (width == 3) product_tile<A, 3>(a + r * lda, lda, bv, ldb, units, cv, ldc);
      if (width == 4) product_tile<A, 4>(a + r * lda, lda, bv, ldb, units, cv, ldc);
#endif
    }
    v += width;
  }
}

/// Sizes of a head's scratch memory; the offsets are in units (4 bytes) and multiples of 16.
struct AttentionLayout {
  int64_t keys_padded;
  int64_t head_padded;
  int64_t values;
  int64_t queries;
  int64_t scores;
  int64_t weights;
  int64_t sums;
  int64_t size;
};

PANDAGPT_INLINE AttentionLayout attention_layout(int64_t n_tokens, int64_t head_size) {
  AttentionLayout layout{};
  layout.keys_padded = round_up(n_tokens + 1, kLanes);  // one for bias_k
  layout.head_padded = round_up(head_size, kLanes);
  layout.values = layout.head_padded * layout.keys_padded;
  layout.queries = layout.values + layout.keys_padded * layout.head_padded;
  layout.scores = layout.queries + kQueryBlock * layout.head_padded;
  layout.weights = layout.scores + kQueryBlock * layout.keys_padded;
  layout.sums = layout.weights + kQueryBlock * layout.keys_padded;
  layout.size = layout.sums + kQueryBlock * layout.head_padded;
  return layout;
}

int64_t attention_scratch_bytes(int64_t n_tokens, int64_t head_size) {
  return attention_layout(n_tokens, head_size).size * static_cast<int64_t>(sizeof(float));
}

/// The packed parts of a head's scratch memory as an arithmetic sees them.
template <typename A>
struct PackedHead {
  using Number = typename A::Number;
  using Unit = typename A::Unit;
  AttentionLayout layout;
  int64_t head_units;
  Unit* keys;
  Unit* values;
  Unit* queries;
  float* scores;
  Unit* weights;
  float* sums;

  explicit PackedHead(const AttentionHead& head)
      : layout(attention_layout(head.n_tokens, head.head_size)),
        head_units((head.head_size + A::kPair - 1) / A::kPair) {
    auto* base = static_cast<float*>(head.scratch);
    keys = reinterpret_cast<Unit*>(base);
    values = reinterpret_cast<Unit*>(base + layout.values);
    queries = reinterpret_cast<Unit*>(base + layout.queries);
    scores = base + layout.scores;
    weights = reinterpret_cast<Unit*>(base + layout.weights);
    sums = base + layout.sums;
  }
};

/// n numbers, with zeros up to whole vectors.
PANDAGPT_INLINE void copy_row(int64_t n, const float* x, float* y) {
  for (int64_t i = 0; i < n; i += kLanes)
    store(y + i, load_part(x + i, n - i));
}
PANDAGPT_INLINE void copy_row(int64_t n, const uint16_t* x, float* y) {
  for (int64_t i = 0; i < n; i += kLanes)
    store(y + i, load_part(x + i, n - i));
}
PANDAGPT_INLINE void copy_row(int64_t n, const uint16_t* x, uint16_t* y) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    memcpy(y + i, x + i, sizeof(H16));
  if (i == n) return;
  memset(y + i, 0, sizeof(H16));
  memcpy(y + i, x + i, static_cast<size_t>(n - i) * sizeof(uint16_t));
}
PANDAGPT_INLINE void copy_row(int64_t n, const float* x, uint16_t* y) {
  for (int64_t i = 0; i < n; i += kLanes)
    store_part(y + i, load_part(x + i, n - i), kLanes);
}

/// Row `key` of the keys, or of the values: bias (key 0, if there is one), then the tokens.
template <typename In, typename Number>
PANDAGPT_INLINE void copy_key(const AttentionHead& head, const void* tokens, const float* bias,
                              int64_t key, Number* y) {
  if (bias && key == 0) return copy_row(head.head_size, bias, y);
  const int64_t token = key - (bias ? 1 : 0);
  copy_row(head.head_size, static_cast<const In*>(tokens) + token * head.stride, y);
}

/// A row of units from the rows of numbers that stand side by side in them.
PANDAGPT_INLINE void interleave(int64_t n, const float* rows, float* units) {
  memcpy(units, rows, static_cast<size_t>(n) * sizeof(float));
}
#if defined(__AVX512BF16__)
PANDAGPT_INLINE void interleave(int64_t n, const uint16_t* rows, uint32_t* units) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const U16 low = __builtin_convertvector(load_as<H16>(rows + i), U16);
    const U16 high = __builtin_convertvector(load_as<H16>(rows + n + i), U16);
    const U16 both = low | (high << 16);
    memcpy(units + i, &both, sizeof(both));
  }
}
#endif

template <typename A, typename In>
void pack_typed(const AttentionHead& head) {
  using Number = typename A::Number;
  using Unit = typename A::Unit;
  const PackedHead<A> packed(head);
  const int64_t n_keys = head.n_tokens + (head.bias_k ? 1 : 0);
  const int64_t width = packed.layout.head_padded;
  auto* rows = reinterpret_cast<Number*>(packed.sums);  // free until the first queries
  const int64_t ldk = packed.layout.keys_padded;
  for (int64_t key = 0; key < n_keys; ++key) {
    copy_key<In>(head, head.k, head.bias_k, key, rows);
    for (int64_t u = 0; u < packed.head_units; ++u)
      memcpy(packed.keys + u * ldk + key, rows + u * A::kPair, sizeof(Unit));
  }
  for (int64_t u = 0; u < packed.head_units; ++u)
    memset(packed.keys + u * ldk + n_keys, 0, static_cast<size_t>(ldk - n_keys) * sizeof(Unit));

  for (int64_t key = 0; key < n_keys; key += A::kPair) {
    for (int64_t i = 0; i < A::kPair; ++i) {
      if (key + i < n_keys)
        copy_key<In>(head, head.v, head.bias_v, key + i, rows + i * width);
      else
        memset(rows + i * width, 0, static_cast<size_t>(width) * sizeof(Number));
    }
    interleave(width, rows, packed.values + key / A::kPair * width);
  }
}

/// Scores of one query become exp(scale * (score - largest)) in `weights`; their sum comes back.
/// Keys [visible, 16 * vectors) get zero. Changes the scores after the visible ones.
template <typename Number>
PANDAGPT_INLINE float softmax_row(float* scores, Number* weights, int64_t visible, int64_t vectors,
                                  float scale) {
  const int64_t end = round_up(visible, kLanes);
  for (int64_t i = visible; i < end; ++i)
    scores[i] = scores[0];  // changes nothing about the largest
  V16 largest = load(scores);
  for (int64_t i = kLanes; i < end; i += kLanes)
    largest = maximum(largest, load(scores + i));
  const float shift = largest_of(largest) * scale;
  for (int64_t i = visible; i < end; ++i)
    scores[i] = -__FLT_MAX__;
  V16 sum{};
  for (int64_t i = 0; i < end; i += kLanes) {
    const V16 weight = exp_of(load(scores + i) * scale - shift);
    sum += weight;
    store_part(weights + i, weight, kLanes);
  }
  const int64_t behind = vectors * kLanes - visible;
  memset(weights + visible, 0, static_cast<size_t>(behind) * sizeof(Number));
  return sum_of(sum);
}

template <typename A, typename In>
void attend_typed(const AttentionHead& head, int64_t begin, int64_t end) {
  using Number = typename A::Number;
  const PackedHead<A> packed(head);
  const AttentionLayout& layout = packed.layout;
  const int64_t n_before = head.bias_k ? 1 : 0;
  const int64_t most_visible = (head.causal ? end : head.n_tokens) + n_before;
  const int64_t vectors = (most_visible + kLanes - 1) / kLanes;
  const int64_t ldq = layout.head_padded / A::kPair;
  const int64_t ldw = layout.keys_padded / A::kPair;
  for (int64_t i = 0; i < kQueryBlock; ++i) {
    auto* row = reinterpret_cast<Number*>(packed.queries + i * ldq);
    if (begin + i < end)
      copy_row(head.head_size, static_cast<const In*>(head.q) + (begin + i) * head.stride, row);
    else
      memset(row, 0, static_cast<size_t>(layout.head_padded) * sizeof(Number));
  }
  product<A>(packed.queries, ldq, packed.keys, layout.keys_padded, packed.head_units, packed.scores,
             layout.keys_padded, vectors);
  float factors[kQueryBlock];
  for (int64_t i = 0; i < kQueryBlock; ++i) {
    const int64_t query = begin + i < end ? begin + i : end - 1;
    const int64_t visible = (head.causal ? query + 1 : head.n_tokens) + n_before;
    factors[i] = 1.0F / softmax_row(packed.scores + i * layout.keys_padded,
                                    reinterpret_cast<Number*>(packed.weights + i * ldw), visible,
                                    vectors, head.scale);
  }
  product<A>(packed.weights, ldw, packed.values, layout.head_padded,
             (most_visible + A::kPair - 1) / A::kPair, packed.sums, layout.head_padded,
             layout.head_padded / kLanes);
  for (int64_t query = begin; query < end; ++query) {
    const float* sums = packed.sums + (query - begin) * layout.head_padded;
    In* y = static_cast<In*>(head.y) + query * head.y_stride;
    for (int64_t d = 0; d < head.head_size; d += kLanes)
      store_part(y + d, load(sums + d) * factors[query - begin], head.head_size - d);
  }
}

#if defined(__AVX512BF16__)
using Bf16DataArithmetic = Bf16Arithmetic;
#else
using Bf16DataArithmetic = F32Arithmetic;
#endif

void pack_head(const AttentionHead& head) {
  head.is_bf16 ? pack_typed<Bf16DataArithmetic, uint16_t>(head)
               : pack_typed<F32Arithmetic, float>(head);
}

void attend_queries(const AttentionHead& head, int64_t begin, int64_t end) {
  head.is_bf16 ? attend_typed<Bf16DataArithmetic, uint16_t>(head, begin, end)
               : attend_typed<F32Arithmetic, float>(head, begin, end);
}

}  // namespace
}  // namespace pandagpt
