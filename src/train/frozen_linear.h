// Frozen matrices: held packed for oneDNN, or left in their file and dequantised for each use.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "train/matmul.h"

namespace pandagpt::train {

/// A frozen y = x W^T.
class FrozenLinear {
 public:
  /// The weights in a form that can be multiplied with.
  class Weights {
   public:
    virtual ~Weights() = default;
    /// x (T, in) of the compute type -> x W^T (T, out) of type `out`.
    virtual torch::Tensor multiply(const torch::Tensor& x, torch::ScalarType out) const = 0;
    /// sum (T, out) += x W^T.
    virtual void multiply_add(const torch::Tensor& x, const torch::Tensor& sum) const = 0;
    /// dy (T, out) of the compute type -> dy W (T, in) of type `out`.
    virtual torch::Tensor multiply_transposed(const torch::Tensor& dy,
                                              torch::ScalarType out) const = 0;
  };

  /// `weight` (out, in), as in torch.nn.Linear and GGUF; on the CPU packed once for each direction.
  FrozenLinear(const torch::Tensor& weight, torch::ScalarType compute);
  /// `load` gives the matrix (out, in) in the compute type whenever it is needed; it is dropped
  /// after the product. Memory: what `load` reads from, and one matrix. Time: `load` twice a step,
  /// three times with activation checkpoints.
  FrozenLinear(std::function<torch::Tensor()> load, int64_t in, int64_t out,
               torch::ScalarType compute);

  /// Hold the result for as long as products follow each other.
  std::shared_ptr<const Weights> ready() const;

  int64_t in;
  int64_t out;
  torch::ScalarType compute;

 private:
  std::shared_ptr<const Weights> packed_;  // null: load_
  std::function<torch::Tensor()> load_;
};

}  // namespace pandagpt::train
