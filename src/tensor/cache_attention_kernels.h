// Attention of some queries over a cache of keys and values, whose bits for one query depend on
// nothing but what this query sees.
//
// Letters of shapes: D channels of a head.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pandagpt {

enum class CacheType { kF32, kF16, kBf16 };

/// Queries that are worked on together.
inline constexpr int kMostQueries = 4;

/// Queries of one head. Query i sees the cells at places 0 .. n_cells[i] - 1 of `cells`, in this
/// order.
struct CacheAttention {
  CacheType type;
  const std::byte* keys;     ///< of cell 0
  std::ptrdiff_t key_bytes;  ///< from one cell to the next
  const std::byte* values;
  std::ptrdiff_t value_bytes;
  std::int64_t head_size;   ///< D of queries and keys
  std::int64_t value_size;  ///< D of values and results
  const std::int32_t* cells;
  float scale;  ///< of the scores
  int n_queries;
  const float* queries[kMostQueries];  ///< (D) each
  std::int64_t n_cells[kMostQueries];
  const float* biases[kMostQueries];  ///< added to the scores, one for each place; or nullptr
  float* results[kMostQueries];       ///< (value_size) each
  float* scratch;  ///< cache_attention_scratch(largest n_cells) floats, aligned to 64 bytes
};

constexpr std::int64_t cache_attention_scratch(std::int64_t n_cells) {
  constexpr std::int64_t kLanesOfRow = 16;
  return kMostQueries * ((n_cells + kLanesOfRow - 1) / kLanesOfRow * kLanesOfRow);
}

struct CacheAttentionKernels {
  const char* instruction_set;
  void (*attend)(const CacheAttention& attention);
};

/// The kernels that this CPU can run, the best first; nullptr after the last.
const CacheAttentionKernels* const* runnable_cache_attention_kernels();
/// The best.
const CacheAttentionKernels& cache_attention_kernels();

}  // namespace pandagpt
