// The layers of a trainable transformer: products on oneDNN, the rest torch's own operators.
//
// Letters: N inputs, T tokens, E width, H heads. Activations and parameters are float32; `compute`
// (float32 or bfloat16) is what products round their factors to; sums are float32.
#pragma once

#include <torch/types.h>

namespace pandagpt::train {

/// x (.., in), weight (out, in), bias (out) or undefined -> x W^T + bias, (.., out).
/// Differentiable.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute);

struct SelfAttention {
  std::int64_t n_heads = 1;
  bool causal = false;     ///< token i sees tokens 0 to i only
  torch::Tensor bias_k{};  ///< (E) or undefined: a learned key that every token sees besides the
  torch::Tensor bias_v{};  ///< tokens' (torch.nn.MultiheadAttention, add_bias_kv), and its value
};

/// qkv (N, T, 3 E): a token's query, key and value one after the other -> (N, T, E): softmax(q k^T
/// / sqrt(E / H)) v for each head. Differentiable.
torch::Tensor self_attention(const torch::Tensor& qkv, const SelfAttention& how);

}  // namespace pandagpt::train
