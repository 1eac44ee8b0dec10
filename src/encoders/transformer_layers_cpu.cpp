#include <spdlog/spdlog.h>

#include <utility>

#include "encoders/encoder_keys.h"
#include "encoders/transformer_layers.h"
#include "pandagpt/error.h"
#include "tensor/onednn_linear.h"
#include "tensor/transformer_ops.h"

namespace pandagpt {
namespace {

class CpuLinear : public LinearLayer {
 public:
  explicit CpuLinear(OnednnLinear linear) : linear_(std::move(linear)) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) override {
    return linear_.apply(builder, x, residual);
  }

 private:
  OnednnLinear linear_;
};

class CpuNorm : public NormLayer {
 public:
  explicit CpuNorm(LayerNorm norm) : norm_(std::move(norm)) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x) override {
    return norm_.apply(builder, x);
  }

 private:
  LayerNorm norm_;
};

class CpuAttention : public AttentionLayer {
 public:
  explicit CpuAttention(Attention attention) : attention_(std::move(attention)) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* qkv) override {
    return attention_.apply(builder, qkv);
  }

 private:
  Attention attention_;
};

class CpuTransformerLayers : public TransformerLayerFactory {
 public:
  CpuTransformerLayers(const GgufFile& file, const ComputeBackend& backend, ComputeType wanted)
      : file_(file), constants_(backend), wanted_(wanted), cpu_(cpu_support()) {}

  std::unique_ptr<LinearLayer> linear(const LinearSpec& spec) override {
    const GgufTensor& weight =
        file_.require_tensor(encoder_keys::weight_name(spec.name), {spec.n_in, spec.n_out});
    const ComputeChoice choice = choose_compute_type(wanted_, weight.type, cpu_);
    if (choice.reason != explained_) {
      spdlog::debug("{}: computed in {}", file_.path().filename().string(), choice.reason);
      explained_ = choice.reason;
    }
    PackedMatrix packed(spec.n_in, spec.n_out, choice.type, reader(weight));
    if (packed.type() != choice.type)
      spdlog::debug("{}: its weights are too uneven for {}, computed in {}", spec.name,
                    compute_type_name(choice.type), compute_type_name(packed.type()));
    file_.release(weight);
    return std::make_unique<CpuLinear>(
        OnednnLinear(std::move(packed),
                     spec.has_bias ? vector(encoder_keys::bias_name(spec.name), spec.n_out)
                                   : std::vector<float>{},
                     spec.activation == LayerActivation::kGelu ? LinearActivation::kGelu
                                                               : LinearActivation::kNone));
  }

  std::unique_ptr<NormLayer> norm(const std::string& name, std::int64_t width,
                                  float epsilon) override {
    return std::make_unique<CpuNorm>(LayerNorm(vector(encoder_keys::weight_name(name), width),
                                               vector(encoder_keys::bias_name(name), width),
                                               epsilon));
  }

  std::unique_ptr<AttentionLayer> attention(const AttentionSpec& spec) override {
    const auto bias = [&](const std::string& name) {
      return name.empty() ? std::vector<float>{} : vector(name, spec.width);
    };
    return std::make_unique<CpuAttention>(
        Attention(spec.width, spec.n_heads, spec.causal, bias(spec.bias_k), bias(spec.bias_v)));
  }

  ggml_tensor* constant(const std::string& name, const TensorShape& shape) override {
    return constants_.add(shape, file_.read_f32(name, shape));
  }

  void finish() override { constants_.upload(); }

 private:
  std::vector<float> vector(const std::string& name, std::int64_t n) const {
    return file_.read_f32(name, {n});
  }

  /// The rows of a matrix of the file. What can't be read is found out here, not in the threads.
  RowReader reader(const GgufTensor& matrix) const {
    const std::int64_t width = matrix.shape.front();
    std::vector<float> row(width);
    file_.read_row_f32(matrix, 0, row);
    return [this, &matrix, width](std::int64_t first, std::int64_t count, float* rows) {
      for (std::int64_t i = 0; i < count; ++i)
        file_.read_row_f32(matrix, first + i, {rows + i * width, static_cast<std::size_t>(width)});
    };
  }

  const GgufFile& file_;
  WeightStore constants_;
  ComputeType wanted_;
  CpuSupport cpu_;
  std::string explained_;  ///< the reason that was logged last
};

}  // namespace

std::unique_ptr<TransformerLayerFactory> make_cpu_transformer_layers(const GgufFile& file,
                                                                     const ComputeBackend& backend,
                                                                     ComputeType compute_type) {
  return std::make_unique<CpuTransformerLayers>(file, backend, compute_type);
}

}  // namespace pandagpt
