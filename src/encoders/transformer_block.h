// A block of a transformer with norms before its two halves (Vaswani et al., arXiv:1706.03762;
// Xiong et al., arXiv:2002.04745): attention, then a perceptron of one hidden layer.
//
// Letters of shapes as in transformer_layers.h: E width, T tokens, N inputs of a batch.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "encoders/transformer_layers.h"
#include "tensor/graph.h"

namespace pandagpt {

struct TransformerBlockSpec {
  std::int64_t width = 0;    ///< E
  int n_heads = 0;           ///< of the attention; E is a multiple
  std::int64_t n_ff = 0;     ///< hidden width of the perceptron
  bool is_causal = false;    ///< token i sees tokens 0 to i only
  bool has_bias_kv = false;  ///< AttentionSpec::bias_k and bias_v
  LayerActivation activation = LayerActivation::kGelu;
  float norm_epsilon = 1e-5F;
};

/// Not thread-safe.
class TransformerBlock {
 public:
  /// The name in the file of a part: "attn_norm", "attn_qkv", "attn_out", "ffn_norm", "ffn_up" or
  /// "ffn_down", which take ".weight" and ".bias", and "attn_bias_k" and "attn_bias_v".
  using PartName = std::function<std::string(const char* part)>;

  TransformerBlock(TransformerLayerFactory& layers, const TransformerBlockSpec& spec,
                   const PartName& name);

  /// [E, T, N] -> [E, T, N]. With `selected` (N row numbers of [E, T * N]) the outputs of these
  /// tokens alone are computed: [E, 1, N].
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* selected = nullptr);

 private:
  std::unique_ptr<NormLayer> attn_norm_;
  std::unique_ptr<LinearLayer> attn_qkv_;
  std::unique_ptr<AttentionLayer> attention_;
  std::unique_ptr<LinearLayer> attn_out_;
  std::unique_ptr<NormLayer> ffn_norm_;
  std::unique_ptr<LinearLayer> ffn_up_;
  std::unique_ptr<LinearLayer> ffn_down_;
};

/// One token of each input: [E, T, N] -> [E, 1, N]. `selected`: N row numbers of [E, T * N].
ggml_tensor* select_tokens(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* selected);

}  // namespace pandagpt
