// The decoder's operations in libtorch's own operators: for tensors that are not on the CPU, whose
// kernels (kernels.h, oneDNN) are faster there. Same arguments, same results as in ops.h,
// attention.h and matmul.h, which choose by where a tensor is; differentiable by autograd.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "train/attention.h"

namespace pandagpt::train {

/// Whether operations on `x` run here: on every device but the CPU.
bool runs_on_torch(const torch::Tensor& x);

/// Makes them run here on the CPU as well, for as long as this lives: the check of this code where
/// there is no other device. Not thread safe.
class ForceTorchOps {
 public:
  ForceTorchOps();
  ~ForceTorchOps();
  ForceTorchOps(const ForceTorchOps&) = delete;
  ForceTorchOps& operator=(const ForceTorchOps&) = delete;
};

namespace torch_ops {

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps,
                       torch::ScalarType compute);
torch::Tensor swiglu(const torch::Tensor& gate_up);
/// Not differentiable; the masks are those of the CPU's kernels, bit for bit.
torch::Tensor dropped(const torch::Tensor& x, float p, uint64_t key, int64_t first_row);
torch::Tensor attention(const torch::Tensor& qkv, const SequenceLayout& layout,
                        const RotaryTable& rotary, const AttentionShape& shape);

/// Of rows of logits (M, V) float32 and their targets (M).
struct RowLosses {
  double loss = 0;         ///< sum, nats
  int64_t n_correct = 0;   ///< rows whose target is the arg max
  torch::Tensor gradient;  ///< (M, V) float32: (softmax - one hot) * scale; undefined unless wanted
};
RowLosses row_losses(const torch::Tensor& logits, const torch::Tensor& targets, double scale,
                     bool needs_grad);

}  // namespace torch_ops
}  // namespace pandagpt::train
