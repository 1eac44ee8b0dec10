#include "train/bind/trunk_head.h"

#include <spdlog/spdlog.h>
#include <torch/torch.h>

#include <cmath>
#include <map>

#include "encoders/encoder_keys.h"
#include "encoders/shared_trunk.h"
#include "pandagpt/error.h"
#include "train/bind/layers.h"

namespace pandagpt::train {
namespace {

namespace keys = encoder_keys;
using torch::Tensor;

constexpr double kSix = 6;  // ReLU6's upper end, as in the trunk

}  // namespace

TrunkHead::TrunkHead(const TrunkHeadConfig& config, Tensor mean, Tensor deviation,
                     torch::ScalarType compute)
    : config_(config), compute_(compute), mean_(std::move(mean)), deviation_(std::move(deviation)) {
  const auto add = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    const double spread = 1 / std::sqrt(static_cast<double>(in));
    layers_.push_back({name, (torch::randn({out, in}) * spread).requires_grad_(true),
                       torch::zeros({out}).requires_grad_(true)});
  };
  std::int64_t width = config.n_features;
  if (config.n_hidden > 0) {
    add(keys::embedding_hidden(config.tower), width, config.n_hidden);
    width = config.n_hidden;
  }
  add(keys::embedding_head(config.tower), width, config.n_embd);
}

void TrunkHead::load(const GgufFile& file) {
  const torch::NoGradGuard no_grad;
  for (Layer& layer : layers_) {
    const std::int64_t out = layer.weight.size(0);
    const std::int64_t in = layer.weight.size(1);
    const auto weight = file.read_f32(keys::weight_name(layer.name), {in, out});
    layer.weight.copy_(torch::tensor(weight).view({out, in}));
    layer.bias.copy_(torch::tensor(file.read_f32(keys::bias_name(layer.name), {out})));
  }
  // a file's first layer takes the features as they are
  mean_ = torch::zeros_like(mean_);
  deviation_ = torch::ones_like(deviation_);
}

void TrunkHead::use_principal_components(const Tensor& features) {
  const torch::NoGradGuard no_grad;
  const std::int64_t n = features.size(0);
  if (n < config_.n_embd || config_.n_features < config_.n_embd)
    throw Error(ErrorKind::kUsage,
                std::to_string(n) + " pictures of " + std::to_string(config_.n_features) +
                    " features have no " + std::to_string(config_.n_embd) +
                    " principal components; give a smaller \"embedding_length\" in --sizes");
  const Tensor x = ((features - mean_) / deviation_).to(torch::kF64);
  const auto [values, vectors] = torch::linalg_eigh(x.t().matmul(x) / n, "L");
  // Eigenvalues come in ascending order, each vector with either sign.
  Tensor components = vectors.flip({1}).narrow(1, 0, config_.n_embd);
  const Tensor largest = components.gather(0, components.abs().argmax(0, true));
  components = components * largest.sign();
  layers_.front().weight = components.t().to(torch::kF32).contiguous();
  layers_.front().bias = torch::zeros({config_.n_embd});
  const double kept = values.flip({0}).narrow(0, 0, config_.n_embd).sum().item<double>() /
                      values.sum().item<double>();
  spdlog::info("{}: {} principal components of {} pictures hold {:.3f} of the variance",
               tower_name(config_.tower), config_.n_embd, n, kept);
}

Tensor TrunkHead::forward(const EncoderBatch& batch) const {
  Tensor x = (batch.values - mean_) / deviation_;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const bool last = i + 1 == layers_.size();
    if (last && batch.noise.head_dropout.defined()) x = x * batch.noise.head_dropout;
    x = linear(x, layers_[i].weight, layers_[i].bias, compute_);
    if (!last) x = torch::clamp(x, 0, kSix);
  }
  return x;
}

Noise TrunkHead::draw_noise(std::int64_t n, const NoiseOptions& options, Random& random) const {
  return {{}, dropout_factors(n, layers_.back().weight.size(1), options.head_dropout, random), {}};
}

NamedTensors TrunkHead::parameters() const {
  const std::string prefix = std::string(tower_name(config_.tower)) + ".features.";
  NamedTensors named = {{prefix + "mean", mean_}, {prefix + "deviation", deviation_}};
  for (const Layer& layer : layers_) {
    named.emplace_back(keys::weight_name(layer.name), layer.weight);
    named.emplace_back(keys::bias_name(layer.name), layer.bias);
  }
  return named;
}

void TrunkHead::write(GgufWriter& writer, const NamedTensors& values, double output_scale,
                      ExportType type) const {
  const std::map<std::string, Tensor> named(values.begin(), values.end());
  const TowerKind tower = config_.tower;
  writer.set_f32(tower_key(tower, "output_scale"), static_cast<float>(output_scale));
  if (tower == TowerKind::kVision) {
    writer.set_bool(keys::kNormalize, true);
  } else {
    const std::uint32_t input[] = {1, 1, static_cast<std::uint32_t>(config_.view.height),
                                   static_cast<std::uint32_t>(config_.view.width)};
    writer.set_str(tower_key(tower, "architecture"), kSharedTrunkArchitecture);
    writer.set_u32_array(tower_key(tower, "input"), input);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Tensor weight = named.at(keys::weight_name(layers_[i].name)).detach();
    Tensor bias = named.at(keys::bias_name(layers_[i].name)).detach();
    if (i == 0) {
      weight = weight / deviation_;
      bias = bias - weight.matmul(mean_);
    }
    add_tensor(writer, keys::weight_name(layers_[i].name), weight, type);
    add_tensor(writer, keys::bias_name(layers_[i].name), bias, ExportType::kF32);
  }
}

}  // namespace pandagpt::train
