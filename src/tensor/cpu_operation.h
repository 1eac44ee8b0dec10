// What ggml's CPU backend keeps to itself and our operations in it need (cpu_kernels.h), as in the
// versions that cpu_kernels.cpp knows: ggml/src/ggml-cpu/traits.h, ggml-cpu-impl.h,
// ggml-backend-impl.h. Included by those operations only.
#pragma once

#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tensor/share.h"

namespace pandagpt {

struct ComputeParams {  // ggml_compute_params
  int thread;
  int n_threads;
  std::size_t work_size;
  void* work;
  void* threadpool;
  bool use_reference;
};

class Operation {  // ggml::cpu::tensor_traits; the order of virtual functions counts
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;
  /// Called once for each node before a graph is computed, in the graph's order. Returns whether
  /// `size`, the bytes of work memory, was set.
  virtual bool work_size(int n_threads, const ggml_tensor* node, std::size_t& size) = 0;
  /// Called by all threads of a graph. Returns whether the node was computed; if not, ggml does.
  virtual bool compute_forward(ComputeParams* params, ggml_tensor* node) = 0;
};

/// Waits for all threads of a graph (ggml_barrier).
using Barrier = void (*)(void* threadpool);

// --- What our operations share -----------------------------------------------------------------

/// Of work memory, in bytes.
inline constexpr std::int64_t kWorkAlignment = 64;

inline std::byte* aligned_work(void* memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return static_cast<std::byte*>(memory) +
         (kWorkAlignment - address % kWorkAlignment) % kWorkAlignment;
}

/// Whether a tensor's data lie in plain memory as in the file; in buffers of another layout
/// (repacked, AMX) they don't.
inline bool is_plain(const ggml_tensor* tensor) {
  const ggml_tensor* owner = tensor->view_src != nullptr ? tensor->view_src : tensor;
  return owner->buffer != nullptr && ggml_backend_buffer_is_host(owner->buffer);
}

/// A product of one matrix with rows of f32, (n_in, n_out) by (n_in, T), that lie without gaps.
inline bool is_plain_product(const ggml_tensor* node) {
  if (node->op != GGML_OP_MUL_MAT) return false;
  const ggml_tensor* weights = node->src[0];
  const ggml_tensor* x = node->src[1];
  return weights->ne[2] == 1 && weights->ne[3] == 1 && is_plain(weights) &&
         x->type == GGML_TYPE_F32 && ggml_is_contiguous(x) && node->type == GGML_TYPE_F32 &&
         ggml_is_contiguous(node);
}

/// Rows of weights that are computed together.
inline constexpr std::int64_t kTileRows = 16;
/// Parts of the tiles for each thread: one that was held up takes fewer.
inline constexpr std::int64_t kPartsPerThread = 8;

/// Calls compute(first row, number of rows) for all tiles of `n_rows`, which the threads share out:
/// `next_part` is n_threads at the beginning.
template <typename Compute>
void for_tiles(const ComputeParams& params, std::int64_t n_rows,
               std::atomic<std::int64_t>& next_part, const Compute& compute) {
  const std::int64_t n_tiles = (n_rows + kTileRows - 1) / kTileRows;
  const std::int64_t n_parts = std::min(n_tiles, kPartsPerThread * params.n_threads);
  for (std::int64_t part = params.thread; part < n_parts;
       part = next_part.fetch_add(1, std::memory_order_relaxed)) {
    const Share tiles = share_of(n_tiles, static_cast<int>(part), static_cast<int>(n_parts));
    for (std::int64_t i = tiles.begin; i < tiles.end; ++i)
      compute(i * kTileRows, std::min(kTileRows, n_rows - i * kTileRows));
  }
}

}  // namespace pandagpt
