// The layers of a transformer, in realisations with the same results (cf. conv_layers.h).
//
// Letters of shapes: E width of the tokens, T tokens, N inputs of a batch. All activations are
// contiguous f32.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tensor/compute_type.h"
#include "tensor/gguf_file.h"
#include "tensor/graph.h"

namespace pandagpt {

/// What follows a linear layer's sum.
enum class LayerActivation {
  kNone,
  kGelu,  ///< x * Phi(x), the exact one (torch.nn.GELU())
};

struct LinearSpec {
  std::string name;  ///< its tensors are NAME.weight [n_in, n_out] and NAME.bias [n_out]
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;
  bool has_bias = true;
  LayerActivation activation = LayerActivation::kNone;
};

/// y = activation(x W^T + bias) + residual.
class LinearLayer {
 public:
  virtual ~LinearLayer() = default;
  /// [n_in, T, N] -> [n_out, T, N]. `residual` has the result's shape, or is nullptr.
  virtual ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x,
                             ggml_tensor* residual = nullptr) = 0;
};

/// Normalises each token to mean 0 and variance 1, then weight and bias.
class NormLayer {
 public:
  virtual ~NormLayer() = default;
  /// [E, T, N] -> [E, T, N].
  virtual ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x) = 0;
};

struct AttentionSpec {
  std::int64_t width = 0;  ///< E
  int n_heads = 0;
  bool causal = false;  ///< token i sees tokens 0 to i only
  /// Whole names of [E] tensors: a key and a value that every token sees besides those of the
  /// tokens (torch.nn.MultiheadAttention, add_bias_kv). Empty: none. Not together with causal.
  std::string bias_k;
  std::string bias_v;
};

/// softmax(q k^T / sqrt(E / n_heads)) v for each head.
class AttentionLayer {
 public:
  virtual ~AttentionLayer() = default;
  /// [3 * E, T, N], a token's query, key and value one after the other -> [E, T, N].
  virtual ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* qkv) = 0;
};

/// Makes layers out of a file's tensors, checking their shapes: Error(kModel).
class TransformerLayerFactory {
 public:
  virtual ~TransformerLayerFactory() = default;

  virtual std::unique_ptr<LinearLayer> linear(const LinearSpec& spec) = 0;
  /// NAME.weight and NAME.bias, [width].
  virtual std::unique_ptr<NormLayer> norm(const std::string& name, std::int64_t width,
                                          float epsilon) = 0;
  virtual std::unique_ptr<AttentionLayer> attention(const AttentionSpec& spec) = 0;
  /// An f32 tensor for ggml's own operators, readable by the graphs after finish().
  virtual ggml_tensor* constant(const std::string& name, const TensorShape& shape) = 0;
  /// Call once, after the last layer was made. The file is not read afterwards.
  virtual void finish() = 0;
};

/// oneDNN and our own operators; CPU. Matrices are converted to what choose_compute_type decides
/// for `compute_type` and the type in the file. Throws Error(kUsage) if this CPU can't compute in
/// it.
std::unique_ptr<TransformerLayerFactory> make_cpu_transformer_layers(
    const GgufFile& file, const ComputeBackend& backend,
    ComputeType compute_type = ComputeType::kAuto);

/// Stock ggml operators; any backend. Matrices stay in the type that the file has, so ggml's
/// products decide in what the activations are rounded (f32 weights: not at all).
/// The layers live as long as the factory; `backend` and, until finish(), `file` must outlive it.
std::unique_ptr<TransformerLayerFactory> make_portable_transformer_layers(
    const GgufFile& file, const ComputeBackend& backend);

/// One of the two: ours where the device can run it, unless `portable` ones are asked for.
inline std::unique_ptr<TransformerLayerFactory> make_transformer_layers(
    const GgufFile& file, const ComputeBackend& backend, bool portable, ComputeType compute_type) {
  return portable || !backend.is_cpu() ? make_portable_transformer_layers(file, backend)
                                       : make_cpu_transformer_layers(file, backend, compute_type);
}

}  // namespace pandagpt
