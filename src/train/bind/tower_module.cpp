#include "train/bind/tower_module.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tensors.h"
#include "pandagpt/error.h"
#include "train/bind/layers.h"

namespace pandagpt::train {
namespace {

namespace names = imagebind_names;
using torch::Tensor;

// imagebind/models/transformer.py, _LAYER_NORM; torch's default in the stems.
constexpr double kNormEpsilon = 1e-6;
constexpr double kStemNormEpsilon = 1e-5;
// Of the starting weights: as in CLIP and ViT.
constexpr double kDeviation = 0.02;

std::vector<std::int64_t> torch_shape(const TensorShape& shape) {
  return {shape.rbegin(), shape.rend()};
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> ends) {
  return std::ranges::any_of(ends, [&](const char* end) { return name.ends_with(end); });
}

/// Norms start as the identity, what a sub-layer adds starts small (GPT-2), the rest is normal.
Tensor starting_values(const ImageBindTensor& tensor, const TowerConfig& config) {
  const std::vector<std::int64_t> shape = torch_shape(tensor.shape);
  if (ends_with_any(tensor.name, {"_norm.weight"})) return torch::ones(shape);
  if (tensor.name.ends_with(".bias")) return torch::zeros(shape);
  double deviation = kDeviation;
  if (tensor.is_matrix && !ends_with_any(tensor.name, {"token_embd"}))
    deviation = std::min(1.0 / std::sqrt(static_cast<double>(tensor.shape[0])), 4 * kDeviation);
  if (ends_with_any(tensor.name, {"attn_out.weight", "ffn_down.weight"}))
    deviation /= std::sqrt(2.0 * config.n_blocks);
  return torch::randn(shape) * deviation;
}

Tensor factors_from(const std::vector<float>& values, const std::vector<std::int64_t>& shape) {
  return torch::tensor(values).view(shape);
}

}  // namespace

TowerModule::TowerModule(const TowerConfig& config, torch::ScalarType compute, Tensor input_scale,
                         std::vector<std::string> merges)
    : config_(config), compute_(compute), merges_(std::move(merges)) {
  if (!config_.is_text())
    input_scale_ = input_scale.defined() ? input_scale : torch::ones({config_.stem.channels});
  for (const ImageBindTensor& tensor : imagebind_tensors(config_))
    if (tensor.name != names::logit_scale(config_.tower))
      weights_[tensor.name] = starting_values(tensor, config_).requires_grad_(true);
}

void TowerModule::load(const GgufFile& file) {
  const torch::NoGradGuard no_grad;
  for (const ImageBindTensor& tensor : imagebind_tensors(config_)) {
    const auto found = weights_.find(tensor.name);
    if (found == weights_.end()) continue;
    found->second.copy_(
        factors_from(file.read_f32(tensor.name, tensor.shape), torch_shape(tensor.shape)));
  }
  // a file's stem takes the values as they are
  if (input_scale_.defined()) input_scale_.fill_(1);
}

const Tensor& TowerModule::weight(const std::string& name) const {
  return weights_.at(name);
}

Tensor TowerModule::norm(const Tensor& x, const std::string& name, double epsilon) const {
  return torch::layer_norm(x, {config_.width}, weight(encoder_keys::weight_name(name)),
                           weight(encoder_keys::bias_name(name)), epsilon);
}

Tensor TowerModule::linear_layer(const Tensor& x, const std::string& name) const {
  return linear(x, weight(encoder_keys::weight_name(name)), weight(encoder_keys::bias_name(name)),
                compute_);
}

Tensor TowerModule::patch_scale() const {
  const std::int64_t per_channel = config_.stem.patch_length() / config_.stem.channels;
  return input_scale_.repeat_interleave(per_channel);
}

Tensor TowerModule::embed_patches(const Tensor& values, const Noise& noise) const {
  const StemConfig& stem = config_.stem;
  const std::int64_t n = values.size(0);
  // (N, C, F, H, W) -> (N, grid, C, kernel): the order of encoders/patches.h
  // of a still picture, for all frames
  const std::int64_t frames =
      values.size(1) * stem.input.frames == stem.input_length() ? 1 : stem.input.frames;
  const Tensor patches =
      values.view({n, stem.channels, frames, stem.input.height, stem.input.width})
          .expand({-1, -1, stem.input.frames, -1, -1})
          .unfold(2, stem.kernel.frames, stem.stride.frames)
          .unfold(3, stem.kernel.height, stem.stride.height)
          .unfold(4, stem.kernel.width, stem.stride.width)
          .permute({0, 2, 3, 4, 1, 5, 6, 7})
          .reshape({n, stem.n_patches(), stem.patch_length()});
  const Tensor& all_positions = weight(names::positions(config_.tower));
  Tensor positions = all_positions.narrow(0, 1, stem.n_patches()).unsqueeze(0);
  Tensor chosen = patches * patch_scale();
  if (noise.kept_patches.defined()) {
    const Tensor& kept = noise.kept_patches;
    chosen = chosen.gather(1, kept.unsqueeze(2).expand({-1, -1, stem.patch_length()}));
    positions = positions[0].index_select(0, kept.reshape({-1})).view({n, -1, config_.width});
  }
  Tensor x =
      linear(chosen, weight(encoder_keys::weight_name(names::stem(config_.tower))), {}, compute_);
  if (config_.has_stem_norm()) x = norm(x, names::stem_norm(config_.tower), kStemNormEpsilon);
  const Tensor first =
      (weight(names::class_token(config_.tower)) + all_positions[0]).expand({n, 1, config_.width});
  return torch::cat({first, x + positions}, 1);
}

Tensor TowerModule::embed_tokens(const Tensor& tokens) const {
  const Tensor rows = torch::embedding(weight(names::token_embedding(config_.tower)), tokens);
  return rows + weight(names::positions(config_.tower)).narrow(0, 0, tokens.size(1));
}

Tensor TowerModule::block(const Tensor& x, int index, const Noise& noise,
                          const Tensor& selected) const {
  const auto name = [&](const char* part) { return names::block(config_.tower, index, part); };
  const auto added = [&](const Tensor& y, int which) {
    if (!noise.drop_path.defined()) return y;
    return y * noise.drop_path.select(1, 2 * index + which).view({-1, 1, 1});
  };
  const auto select = [&](const Tensor& all) {
    if (!selected.defined()) return all;
    return all.gather(1, selected.view({-1, 1, 1}).expand({-1, 1, config_.width}));
  };
  SelfAttention how{config_.n_heads, config_.is_causal()};
  if (config_.has_bias_kv()) {
    how.bias_k = weight(name("attn_bias_k"));
    how.bias_v = weight(name("attn_bias_v"));
  }
  const Tensor qkv = linear_layer(norm(x, name("attn_norm"), kNormEpsilon), name("attn_qkv"));
  const Tensor seen = select(self_attention(qkv, how));
  const Tensor y = select(x) + added(linear_layer(seen, name("attn_out")), 0);
  const Tensor hidden =
      torch::gelu(linear_layer(norm(y, name("ffn_norm"), kNormEpsilon), name("ffn_up")));
  return y + added(linear_layer(hidden, name("ffn_down")), 1);
}

Tensor TowerModule::forward(const EncoderBatch& batch) const {
  const std::int64_t n = batch.size();
  Tensor x;
  Tensor selected = torch::zeros({n}, torch::kInt64);  // the class token
  if (config_.is_text()) {
    selected = batch.values.argmax(1);  // the end token has the largest number
    // nothing after the last end token is seen by one
    const std::int64_t used = selected.max().item<std::int64_t>() + 1;
    x = embed_tokens(batch.values.narrow(1, 0, used));
  } else {
    x = embed_patches(batch.values, batch.noise);
  }
  if (config_.has_pre_norm()) x = norm(x, names::pre_norm(config_.tower), kNormEpsilon);
  // Of the last block only that token's row is wanted.
  for (int i = 0; i < config_.n_blocks; ++i)
    x = block(x, i, batch.noise, i + 1 == config_.n_blocks ? selected : Tensor());
  x = norm(x.squeeze(1), names::head_norm(config_.tower), kNormEpsilon);
  if (batch.noise.head_dropout.defined()) x = x * batch.noise.head_dropout;
  return linear(x, weight(encoder_keys::weight_name(names::head(config_.tower))), {}, compute_);
}

Noise TowerModule::draw_noise(std::int64_t n, const NoiseOptions& options, Random& random) const {
  Noise noise;
  if (options.drop_path > 0) {
    std::vector<Tensor> columns;
    for (int i = 0; i < config_.n_blocks; ++i)
      columns.push_back(
          dropout_factors(n, 2, options.drop_path * (i + 1) / config_.n_blocks, random));
    noise.drop_path = torch::cat(columns, 1);
  }
  noise.head_dropout = dropout_factors(n, config_.width, options.head_dropout, random);
  if (options.patch_dropout > 0 && !config_.is_text()) {
    const std::int64_t all = config_.stem.n_patches();
    const auto kept = std::max<std::int64_t>(
        1, std::llround((1 - options.patch_dropout) * static_cast<double>(all)));
    std::vector<std::int64_t> chosen;
    std::vector<std::int64_t> order(static_cast<std::size_t>(all));
    for (std::int64_t i = 0; i < n; ++i) {
      std::iota(order.begin(), order.end(), 0);
      for (std::int64_t j = 0; j < kept; ++j)
        std::swap(order[j], order[j + below(random, all - j)]);
      chosen.insert(chosen.end(), order.begin(), order.begin() + kept);
    }
    noise.kept_patches = torch::tensor(chosen).view({n, kept});
  }
  return noise;
}

NamedTensors TowerModule::parameters() const {
  NamedTensors named(weights_.begin(), weights_.end());
  if (input_scale_.defined())
    named.emplace_back(std::string(tower_name(config_.tower)) + ".input_scale", input_scale_);
  return named;
}

void TowerModule::write(GgufWriter& writer, const NamedTensors& values, double output_scale,
                        ExportType type) const {
  const std::map<std::string, Tensor> named(values.begin(), values.end());
  const std::string stem = encoder_keys::weight_name(names::stem(config_.tower));
  write_tower_config(writer, config_);
  if (config_.is_text()) writer.set_str_array(encoder_keys::kTokenizerMerges, merges_);
  for (const ImageBindTensor& tensor : imagebind_tensors(config_)) {
    if (tensor.name == names::logit_scale(config_.tower)) {
      add_tensor(writer, tensor.name, torch::full({1}, std::log(output_scale)), ExportType::kF32);
      continue;
    }
    Tensor value = named.at(tensor.name).detach();
    if (tensor.name == stem) value = value * patch_scale();
    add_tensor(writer, tensor.name, value, tensor.is_matrix ? type : ExportType::kF32);
  }
}

}  // namespace pandagpt::train
