// The operation of dense_kernels.h in ggml's CPU backend.
#pragma once

#include <optional>

#include "tensor/cpu_operation.h"
#include "tensor/dense_kernels.h"

namespace pandagpt {

std::optional<DenseType> dense_type(ggml_type type);

/// Products of a matrix in f32, f16 or bf16.
class DenseProduct final : public Operation {
 public:
  static bool computes(const ggml_tensor* node);

  bool work_size(int n_threads, const ggml_tensor* node, std::size_t& size) override;
  bool compute_forward(ComputeParams* params, ggml_tensor* node) override;
};

/// All rows of `weights` by the rows (T, K) at `x`: (T, N) at `y`, or without a place for them.
DenseProductRows dense_product_rows(const ggml_tensor* weights, const void* x,
                                    std::int64_t n_tokens, float* y);
/// `count` rows of those from `first` on.
inline DenseProductRows rows_of(const DenseProductRows& product, std::int64_t first,
                                std::int64_t count) {
  DenseProductRows rows = product;
  rows.weights = product.weights + first * product.row_bytes;
  rows.n_rows = count;
  rows.y = product.y + first;
  if (product.addend != nullptr) rows.addend = product.addend + first;
  return rows;
}
/// The calling thread's share of a product; when all threads have done theirs, it is complete.
void multiply_share(const ComputeParams& params, const DenseProductRows& product);

}  // namespace pandagpt
