#include <cmath>
#include <utility>

#include "encoders/encoder_keys.h"
#include "encoders/transformer_layers.h"

namespace pandagpt {
namespace {

class StockLinear : public LinearLayer {
 public:
  StockLinear(ggml_tensor* weight, ggml_tensor* bias, LayerActivation activation)
      : weight_(weight), bias_(bias), activation_(activation) {}

  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) override {
    ggml_context* context = builder.context();
    const std::int64_t n_tokens = x->ne[1];
    const std::int64_t n_inputs = x->ne[2];
    // One product of all rows: ggml would start one for each input.
    x = ggml_mul_mat(context, weight_, ggml_reshape_2d(context, x, x->ne[0], n_tokens * n_inputs));
    x = ggml_reshape_3d(context, x, x->ne[0], n_tokens, n_inputs);
    if (bias_ != nullptr) x = ggml_add(context, x, bias_);
    if (activation_ == LayerActivation::kGelu) x = ggml_gelu_erf(context, x);
    return residual != nullptr ? ggml_add(context, x, residual) : x;
  }

 private:
  ggml_tensor* weight_;  // [n_in, n_out]
  ggml_tensor* bias_;    // [n_out] or nullptr
  LayerActivation activation_;
};

class StockNorm : public NormLayer {
 public:
  StockNorm(ggml_tensor* weight, ggml_tensor* bias, float epsilon)
      : weight_(weight), bias_(bias), epsilon_(epsilon) {}

  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x) override {
    ggml_context* context = builder.context();
    x = ggml_mul(context, ggml_norm(context, x, epsilon_), weight_);
    return ggml_add(context, x, bias_);
  }

 private:
  ggml_tensor* weight_;  // [E]
  ggml_tensor* bias_;    // [E]
  float epsilon_;
};

/// Letters: D width of a head, H heads, S tokens that are seen (T, and one more with a bias).
class StockAttention : public AttentionLayer {
 public:
  StockAttention(const AttentionSpec& spec, ggml_tensor* bias_k, ggml_tensor* bias_v)
      : width_(spec.width),
        n_heads_(spec.n_heads),
        head_width_(spec.width / spec.n_heads),
        causal_(spec.causal),
        bias_k_(bias_k),
        bias_v_(bias_v) {}

  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* qkv) override {
    ggml_context* context = builder.context();
    const std::int64_t n_tokens = qkv->ne[1];
    const std::int64_t n_inputs = qkv->ne[2];
    ggml_tensor* q = ggml_permute(context, part(context, qkv, 0), 0, 2, 1, 3);  // [D, T, H, N]
    ggml_tensor* k = ggml_permute(context, part(context, qkv, 1), 0, 2, 1, 3);  // [D, S, H, N]
    ggml_tensor* v = ggml_cont(
        context, ggml_permute(context, part(context, qkv, 2), 1, 2, 0, 3));  // [S, D, H, N]
    if (bias_k_ != nullptr) {
      ggml_tensor* key = ggml_reshape_3d(context, bias_k_, head_width_, 1, n_heads_);
      ggml_tensor* value = ggml_reshape_3d(context, bias_v_, 1, head_width_, n_heads_);
      key = ggml_repeat_4d(context, key, head_width_, 1, n_heads_, n_inputs);
      value = ggml_repeat_4d(context, value, 1, head_width_, n_heads_, n_inputs);
      k = ggml_concat(context, ggml_cont(context, k), key, 1);
      v = ggml_concat(context, v, value, 0);
    }
    ggml_tensor* scores = ggml_mul_mat(context, k, q);  // [S, T, H, N]
    const float scale = 1.0F / std::sqrt(static_cast<float>(head_width_));
    // The mask comes first: scaling leaves minus infinity as it is.
    if (causal_) scores = ggml_diag_mask_inf(context, scores, 0);
    scores = ggml_soft_max_ext(context, scores, nullptr, scale, 0.0F);
    ggml_tensor* y = ggml_mul_mat(context, v, scores);  // [D, T, H, N]
    y = ggml_cont(context, ggml_permute(context, y, 0, 2, 1, 3));
    return ggml_reshape_3d(context, y, width_, n_tokens, n_inputs);
  }

 private:
  /// Queries, keys or values of [3 * E, T, N] as [D, H, T, N].
  ggml_tensor* part(ggml_context* context, ggml_tensor* qkv, int index) const {
    return ggml_view_4d(context, qkv, head_width_, n_heads_, qkv->ne[1], qkv->ne[2],
                        head_width_ * sizeof(float), qkv->nb[1], qkv->nb[2],
                        index * width_ * sizeof(float));
  }

  std::int64_t width_;
  std::int64_t n_heads_;
  std::int64_t head_width_;
  bool causal_;
  ggml_tensor* bias_k_;  // [E] or nullptr
  ggml_tensor* bias_v_;  // [E] or nullptr
};

class PortableTransformerLayers : public TransformerLayerFactory {
 public:
  PortableTransformerLayers(const GgufFile& file, const ComputeBackend& backend)
      : file_(file), weights_(backend) {}

  std::unique_ptr<LinearLayer> linear(const LinearSpec& spec) override {
    const GgufTensor& weight =
        file_.require_tensor(encoder_keys::weight_name(spec.name), {spec.n_in, spec.n_out});
    ggml_tensor* bias =
        spec.has_bias ? constant(encoder_keys::bias_name(spec.name), {spec.n_out}) : nullptr;
    return std::make_unique<StockLinear>(weights_.add(file_, weight), bias, spec.activation);
  }

  std::unique_ptr<NormLayer> norm(const std::string& name, std::int64_t width,
                                  float epsilon) override {
    return std::make_unique<StockNorm>(constant(encoder_keys::weight_name(name), {width}),
                                       constant(encoder_keys::bias_name(name), {width}), epsilon);
  }

  std::unique_ptr<AttentionLayer> attention(const AttentionSpec& spec) override {
    const auto bias = [&](const std::string& name) {
      return name.empty() ? nullptr : constant(name, {spec.width});
    };
    return std::make_unique<StockAttention>(spec, bias(spec.bias_k), bias(spec.bias_v));
  }

  ggml_tensor* constant(const std::string& name, const TensorShape& shape) override {
    return weights_.add(shape, file_.read_f32(name, shape));
  }

  void finish() override { weights_.upload(); }

 private:
  const GgufFile& file_;
  WeightStore weights_;
};

}  // namespace

std::unique_ptr<TransformerLayerFactory> make_portable_transformer_layers(
    const GgufFile& file, const ComputeBackend& backend) {
  return std::make_unique<PortableTransformerLayers>(file, backend);
}

}  // namespace pandagpt
