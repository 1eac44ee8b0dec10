// Matrix products of the trainer, on oneDNN directly.
//
// libtorch's own CPU bf16 products re-pack the frozen weights on every call and up-convert their
// results; here a frozen matrix is packed once for each direction it is used in, and a product can
// be added to a float32 residual as it is written.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

namespace pandagpt::train {

/// The type in which products are computed: of the option "f32" or "bf16", or "auto": bfloat16
/// where the CPU multiplies it itself.
torch::ScalarType product_type(const std::string& option);

/// (M, K) x (K, N) -> (M, N). Both may have any strides (a transposed view costs nothing); both
/// float32 or both bfloat16. `out` is the type of the result.
torch::Tensor matmul(const torch::Tensor& a, const torch::Tensor& b, torch::ScalarType out);

/// The same, added to `sum` (M, N) in place; float32 or the inputs' type.
void matmul_add(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& sum);

/// A frozen right-hand side (K, N), kept only in the layout that oneDNN wants.
class PackedMatrix {
 public:
  /// `weight` (K, N), any strides, any floating type; converted to `dtype` (float32 or bfloat16).
  PackedMatrix(const torch::Tensor& weight, torch::ScalarType dtype);
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;

  /// x (M, K) of the packed type -> (M, N) of type `out`.
  torch::Tensor multiply(const torch::Tensor& x, torch::ScalarType out) const;
  /// sum (M, N) += x (M, K) times the matrix.
  void multiply_add(const torch::Tensor& x, const torch::Tensor& sum) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt::train
