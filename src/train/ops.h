// Differentiable operations of a LLaMA decoder with frozen weights and LoRA.
//
// Letters: T packed tokens, C n_embd, F n_ff, V n_vocab, r LoRA rank. The residual stream is
// float32; `compute` activations are float32 or bfloat16, whatever the frozen weights were packed
// as. Every function is differentiable in its activation and LoRA arguments, never in frozen ones.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "train/frozen_linear.h"

namespace pandagpt::train {

/// One low-rank update of rows [row, row + b.size(0)) of a frozen matrix.
struct Lora {
  torch::Tensor a;  ///< (r, in) float32
  torch::Tensor b;  ///< (rows, r) float32
  int64_t row = 0;
};

/// How LoRA takes part in a step.
struct LoraContext {
  float scale = 1.0F;     ///< alpha / r
  float dropout = 0.0F;   ///< probability, on LoRA's input; 0 outside training
  uint64_t key = 0;       ///< of this step; every projection mixes its own number into it
  int64_t first_row = 0;  ///< number of the batch's first row among all rows of the step
};

/// x (T, C) with a share `p` of its elements set to 0 and the others divided by 1 - p. Element (t,
/// c) is drawn from (key, (first_row + t) * C + c). Not differentiable.
torch::Tensor dropped(const torch::Tensor& x, float p, uint64_t key, int64_t first_row);

/// x (T, C) float32 -> (T, C) in `compute`; weight (C) float32, frozen.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps,
                       torch::ScalarType compute);

/// x (T, in) -> x W^T + scale * dropout(x) A^T B^T, of the compute type; (T, out). With a defined
/// `residual` (T, out) float32 the result is residual + that, float32. `site` numbers the
/// projections of a model: each gets its own dropout mask.
torch::Tensor lora_linear(const torch::Tensor& x, const FrozenLinear& linear,
                          const std::vector<Lora>& loras, const LoraContext& context, uint64_t site,
                          const torch::Tensor& residual = {});

/// gate_up (T, 2 F) -> silu(gate) * up, (T, F).
torch::Tensor swiglu(const torch::Tensor& gate_up);

struct CrossEntropy {
  torch::Tensor loss_sum;  ///< () float32, differentiable: sum over labels / `normaliser`
  double loss_total = 0;   ///< plain sum over labels, nats
  int64_t n_correct = 0;   ///< labels that are the arg max
  int64_t n_labels = 0;
};

/// Loss of hidden (N, C) against targets (N) int64 through the frozen head (C -> V). Logits exist
/// only for a block of rows at a time, and their gradient is taken there and then.
CrossEntropy cross_entropy(const torch::Tensor& hidden, const torch::Tensor& targets,
                           const FrozenLinear& head, double normaliser);

}  // namespace pandagpt::train
