// The operation of block_kernels.h in ggml's CPU backend.
#pragma once

#include <optional>

#include "tensor/block_kernels.h"
#include "tensor/cpu_operation.h"

namespace pandagpt {

/// Where things are in the memory that ggml gives an operation.
class BlockWork {
 public:
  explicit BlockWork(const ggml_tensor* product)
      : n_in_(product->src[0]->ne[0]), n_tokens_(ggml_nrows(product->src[1])) {}

  /// Bytes, of which kWorkAlignment are for the beginning.
  std::int64_t size() const { return sums_at() + numbers_bytes(kBlockHalf) + kWorkAlignment; }
  void set_memory(void* memory) { memory_ = aligned_work(memory); }

  std::atomic<std::int64_t>* next_part() const {
    return reinterpret_cast<std::atomic<std::int64_t>*>(memory_);
  }
  BlockActivations activations() const;

 private:
  std::int64_t scales_at() const;
  std::int64_t sums_at() const { return scales_at() + numbers_bytes(kBlockSize); }
  /// Four bytes for each `size` values.
  std::int64_t numbers_bytes(std::int64_t size) const;

  std::int64_t n_in_;
  std::int64_t n_tokens_;
  std::byte* memory_ = nullptr;
};

/// Products of a matrix of Q4_0, Q4_1, Q8_0, and with four tokens or more Q4_K and Q6_K.
class BlockProduct final : public Operation {
 public:
  BlockProduct(const BlockKernels& kernels, Barrier barrier)
      : kernels_(kernels), barrier_(barrier) {}

  static bool computes(const ggml_tensor* node);

  bool work_size(int n_threads, const ggml_tensor* node, std::size_t& size) override;
  bool compute_forward(ComputeParams* params, ggml_tensor* node) override;

  // The steps of it. Between these two all threads must have done the first, and one of them have
  // set work.next_part() to the number of threads.
  /// The calling thread's share of the activations of `product`.
  void quantize(const ComputeParams& params, const ggml_tensor& product,
                const BlockWork& work) const;
  /// Its share of the rows, into `y` (T, N). Before each tile, beside.prefetch(first row, number of
  /// rows) is called, and behind it beside.compute(..) with the same.
  template <typename Beside>
  void multiply(const ComputeParams& params, const ggml_tensor& product, const BlockWork& work,
                float* y, Beside&& beside) const;

 private:
  static BlockTile tile_of(const ggml_tensor& product, const BlockWork& work);

  const BlockKernels& kernels_;
  Barrier barrier_;
};

template <typename Beside>
void BlockProduct::multiply(const ComputeParams& params, const ggml_tensor& product,
                            const BlockWork& work, float* y, Beside&& beside) const {
  static_assert(kTileRows == kBlockTileRows);
  BlockTile tile = tile_of(product, work);
  const auto* weights = static_cast<const std::byte*>(product.src[0]->data);
  for_tiles(params, product.src[0]->ne[1], *work.next_part(),
            [&](std::int64_t row, std::int64_t n_rows) {
              tile.weights = weights + row * tile.row_bytes;
              tile.n_rows = n_rows;
              tile.y = y + row;
              beside.prefetch(row, n_rows);
              kernels_.multiply(tile);
              beside.compute(row, n_rows);
            });
}

}  // namespace pandagpt
