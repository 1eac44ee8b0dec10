// The operators of a transformer between its linear layers, as custom operators of a ggml graph.
//
// Letters of shapes: E width of the tokens, H heads, T tokens, N inputs of a batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/graph.h"

namespace pandagpt {

/// Normalises each token to mean 0 and variance 1, then weight and bias.
class LayerNorm {
 public:
  /// `weight` and `bias` are (E). Throws Error(kInternal) if their lengths differ.
  LayerNorm(std::span<const float> weight, std::span<const float> bias, float epsilon);

  /// f32 [E, ...] -> f32 [E, ...], with a recipe for every format (row_tensor.h). The layer must
  /// outlive the graph.
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x) const;

 private:
  static void compute(ggml_tensor* out, int thread, int n_threads, void* state);

  std::vector<float> weight_;
  std::vector<float> bias_;
  float epsilon_;
};

/// softmax(q k^T / sqrt(E / H)) v for each head, in blocks of queries that stay in the cache.
class Attention {
 public:
  /// A learned key and value (E) that every token sees besides those of the tokens
  /// (torch.nn.MultiheadAttention, add_bias_kv); both or neither empty. With `causal` a token sees
  /// no later tokens. Throws Error(kInternal) if the sizes do not fit.
  Attention(std::int64_t width, int n_heads, bool causal, std::span<const float> bias_k = {},
            std::span<const float> bias_v = {});

  /// [3 E, T, N], a token's query, key and value one after the other, f32 or bf16 -> f32 [E, T, N],
  /// with a recipe for bf16. Computed in the type of `qkv`. The layer must outlive the graph.
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* qkv) const;

 private:
  static void compute(ggml_tensor* out, int thread, int n_threads, void* state);

  std::int64_t width_;
  int n_heads_;
  bool causal_;
  std::vector<float> bias_k_;
  std::vector<float> bias_v_;
};

}  // namespace pandagpt
