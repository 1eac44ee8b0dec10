// Compiled once per instruction set (cmake/PandagptKernels.cmake): PANDAGPT_ISA names the variant.
//
// A query's scores are all kept, so its softmax has one maximum and one sum, over lanes that its
// own cells fill from the first on. Queries together only share the reading of keys and values.
#include "tensor/cache_attention_kernels.h"
#include "tensor/simd16.h"
// After simd16.h:
#include "tensor/widen.h"

namespace pandagpt {
namespace {

struct Scores {
  float* rows;     ///< (queries, stride)
  int64_t stride;  ///< a multiple of kLanes

  float* of(int query) const { return rows + query * stride; }
};

/// The scores of up to four cells from place `first` on, of kQueries queries.
template <typename W, int kQueries>
PANDAGPT_INLINE void score_cells(const CacheAttention& a, int64_t first, int64_t n,
                                 const Scores& scores) {
  const W* keys[kFour];
  for (int64_t i = 0; i < kFour; ++i)  // those that are missing: the last one again
    keys[i] =
        reinterpret_cast<const W*>(a.keys + a.cells[first + (i < n ? i : n - 1)] * a.key_bytes);
  V16 sums[kQueries][kFour] = {};
  const auto add = [&](int64_t d, int64_t count) __attribute__((always_inline)) {
    V16 queries[kQueries];
    for (int q = 0; q < kQueries; ++q)
      queries[q] = load_part(a.queries[q] + d, count);
    for (int i = 0; i < kFour; ++i) {
      const V16 key = widen(keys[i] + d, count);
      for (int q = 0; q < kQueries; ++q)
        sums[q][i] += key * queries[q];
    }
  };
  int64_t d = 0;
  for (; d + kLanes <= a.head_size; d += kLanes)
    add(d, kLanes);
  if (d < a.head_size) add(d, a.head_size - d);
  for (int q = 0; q < kQueries; ++q) {
    const V4 four = four_sums(sums[q]);
    memcpy(scores.of(q) + first, &four, sizeof(four));  // a row has room for a multiple of four
  }
}

/// exp(score - maximum) of a query's n cells, and what is left of its row zero; returns their sum.
PANDAGPT_INLINE float soften(float* row, int64_t n, int64_t stride, float scale,
                             const float* bias) {
  const float lowest = -__builtin_inff();
  V16 largest = broadcast(lowest);
  for (int64_t i = 0; i < n; i += kLanes) {
    V16 value = load(row + i) * scale;
    if (bias != nullptr) value += load_part(bias + i, n - i);
    for (int64_t j = n - i; j < kLanes; ++j)
      value[j] = lowest;
    store(row + i, value);
    largest = maximum(largest, value);
  }
  const float top = largest_of(largest);
  V16 sum{};
  for (int64_t i = 0; i < stride; i += kLanes) {
    if (i >= n) {
      store(row + i, V16{});
      continue;
    }
    const V16 distance = load(row + i) - top;
    V16 part = select(distance == distance, exp_of(distance), distance);
    for (int64_t j = n - i; j < kLanes; ++j)
      part[j] = 0;
    store(row + i, part);
    sum += part;
  }
  return sum_of(sum);
}

constexpr int kVectors = 4;  // of a result at a time

/// Channels [d, d + count) of the weighted sums of values: the cells that all queries see, then
/// each one's others.
template <typename W, int kQueries>
PANDAGPT_INLINE void add_values(const CacheAttention& a, int64_t d, int64_t count, int64_t n_common,
                                const Scores& scores, const float (&inverse)[kMostQueries]) {
  const auto value_of = [&](int64_t place, int vector) __attribute__((always_inline)) {
    const auto* value = reinterpret_cast<const W*>(a.values + a.cells[place] * a.value_bytes) + d;
    const int64_t left = count - vector * kLanes;
    return left > 0 ? widen(value + vector * kLanes, left) : V16{};
  };
  V16 sums[kQueries][kVectors] = {};
  for (int64_t place = 0; place < n_common; ++place)
    for (int v = 0; v < kVectors; ++v) {
      const V16 value = value_of(place, v);
      for (int q = 0; q < kQueries; ++q)
        sums[q][v] += value * scores.of(q)[place];
    }
  for (int q = 0; q < kQueries; ++q) {
    for (int64_t place = n_common; place < a.n_cells[q]; ++place)
      for (int v = 0; v < kVectors; ++v)
        sums[q][v] += value_of(place, v) * scores.of(q)[place];
    for (int v = 0; v < kVectors; ++v)
      if (const int64_t left = count - v * kLanes; left > 0)
        store_part(a.results[q] + d + v * kLanes, sums[q][v] * inverse[q], left);
  }
}

template <typename W, int kQueries>
PANDAGPT_INLINE void attend_queries(const CacheAttention& a) {
  int64_t n_common = a.n_cells[0];
  int64_t n_all = a.n_cells[0];
  for (int q = 1; q < kQueries; ++q) {
    n_common = a.n_cells[q] < n_common ? a.n_cells[q] : n_common;
    n_all = a.n_cells[q] > n_all ? a.n_cells[q] : n_all;
  }
  const Scores scores{a.scratch, (n_all + kLanes - 1) / kLanes * kLanes};
  for (int64_t place = 0; place < n_all; place += kFour)
    score_cells<W, kQueries>(a, place, n_all - place < kFour ? n_all - place : kFour, scores);
  float inverse[kMostQueries];
  for (int q = 0; q < kQueries; ++q) {
    const float sum = soften(scores.of(q), a.n_cells[q], scores.stride, a.scale, a.biases[q]);
    inverse[q] = sum == 0 ? 0 : 1 / sum;
  }
  int64_t d = 0;
  for (; d + kVectors * kLanes <= a.value_size; d += kVectors * kLanes)
    add_values<W, kQueries>(a, d, kVectors * kLanes, n_common, scores, inverse);
  if (d < a.value_size) add_values<W, kQueries>(a, d, a.value_size - d, n_common, scores, inverse);
}

template <typename W>
void attend_type(const CacheAttention& a) {
  switch (a.n_queries) {
    case 1:
      return attend_queries<W, 1>(a);
    case 2:
      return attend_queries<W, 2>(a);
    case 3:
      return attend_queries<W, 3>(a);
    default:
      return attend_queries<W, kMostQueries>(a);
  }
}

void attend(const CacheAttention& attention) {
  switch (attention.type) {
    case CacheType::kF32:
      return attend_type<float>(attention);
    case CacheType::kF16:
      return attend_type<Half>(attention);
    case CacheType::kBf16:
      return attend_type<Brain>(attention);
  }
}

}  // namespace

#define PANDAGPT_CONCAT_(a, b) a##b
#define PANDAGPT_CONCAT(a, b) PANDAGPT_CONCAT_(a, b)
#define PANDAGPT_TEXT_(a) #a
#define PANDAGPT_TEXT(a) PANDAGPT_TEXT_(a)
extern const CacheAttentionKernels PANDAGPT_CONCAT(kCacheAttentionKernels_, PANDAGPT_ISA);
const CacheAttentionKernels PANDAGPT_CONCAT(kCacheAttentionKernels_, PANDAGPT_ISA) = {
    PANDAGPT_TEXT(PANDAGPT_ISA), attend};

}  // namespace pandagpt
