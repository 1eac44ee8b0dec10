#include "frame_tower.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "encoders/batches.h"
#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "encoders/picture_keys.h"
#include "encoders/tower_registry.h"
#include "encoders/transformer_block.h"
#include "pandagpt/error.h"
#include "random_values.h"

namespace pandagpt::test {
namespace {

constexpr char kHeadCount[] = "head_count";
constexpr char kEnergyMean[] = "energy_mean";
constexpr char kEnergyStd[] = "energy_std";
constexpr float kEpsilon = 1e-5F;
constexpr int kFeedForwardFactor = 3;
constexpr int kContextLength = 12;
constexpr std::int32_t kPadding = -1;

std::string part(TowerKind kind, const std::string& name) {
  return std::string(tower_name(kind)) + "." + name;
}

/// (n, F, C) of n views (C, F, P): the mean of each channel over a frame.
std::vector<float> channel_means(std::span<const float> values, int n, int channels, int frames) {
  const std::size_t n_means = static_cast<std::size_t>(n) * channels * frames;
  const std::size_t n_pixels = values.size() / n_means;
  std::vector<float> means;
  for (int i = 0; i < n; ++i)
    for (int frame = 0; frame < frames; ++frame)
      for (int channel = 0; channel < channels; ++channel) {
        const auto begin = values.begin() + ((i * channels + channel) * frames + frame) * n_pixels;
        means.push_back(std::accumulate(begin, begin + n_pixels, 0.0F) /
                        static_cast<float>(n_pixels));
      }
  return means;
}

class FrameTower : public Tower {
 public:
  FrameTower(TowerKind kind, const TowerSource& source)
      : source_(source),
        kind_(kind),
        input_(source.file.get_u32_array(tower_key(kind, encoder_keys::kTowerInput))),
        n_embd_(static_cast<int>(source.file.get_u32(encoder_keys::kEmbeddingLength))),
        layers_(make_transformer_layers(source.file, source.backend, source.is_portable,
                                        source.compute_type)) {
    const std::int64_t width = source.file.tensor(part(kind, "stem.weight")).shape.at(1);
    stem_ = layers_->linear({.name = part(kind, "stem"), .n_in = channels(), .n_out = width});
    const TransformerBlockSpec spec{
        .width = width,
        .n_heads = static_cast<int>(source.file.get_u32(tower_key(kind, kHeadCount))),
        .n_ff = kFeedForwardFactor * width,
        .norm_epsilon = kEpsilon};
    block_.emplace(*layers_, spec,
                   [kind](const std::string& name) { return part(kind, "block." + name); });
    head_ = layers_->linear(
        {.name = part(kind, "head"), .n_in = width, .n_out = n_embd_, .has_bias = false});
    layers_->finish();
  }

  void set_transforms(MediaTransforms& transforms) const override {
    if (kind_ == TowerKind::kAudio) {
      transforms.audio.n_clips = 2;
      transforms.audio.n_mel_bins = height();
      transforms.audio.n_frames = width();
      transforms.audio.mean = source_.file.get_f32(tower_key(kind_, kEnergyMean));
      transforms.audio.std = source_.file.get_f32(tower_key(kind_, kEnergyStd));
      return;
    }
    const ImageTransform picture = read_image_transform(source_.file, kind_, height());
    if (kind_ == TowerKind::kVision) {
      transforms.picture = picture;
      transforms.picture_layout = TensorLayout::kChw;
    }
    transforms.video.match(picture);
    transforms.video.layout = TensorLayout::kChw;
    transforms.video.frames_per_clip = frames();
    transforms.video.n_clips = 1;
    transforms.video.n_crops = 1;
  }

  std::size_t view_length() const override {
    return std::size_t{input_[0]} * input_[1] * input_[2] * input_[3];
  }

  std::vector<float> encode(std::span<const float> values, int n) override {
    if (values.size() != n * view_length())
      throw Error(ErrorKind::kUsage, "the frame tower got " + std::to_string(values.size()) +
                                         " values for " + std::to_string(n) + " views");
    return in_batches(n, source_.max_batch, [&](int begin, int count) {
      return compute(values.subspan(begin * view_length(), count * view_length()), count);
    });
  }

 private:
  int channels() const { return static_cast<int>(input_[0]); }
  int frames() const { return static_cast<int>(input_[1]); }
  int height() const { return static_cast<int>(input_[2]); }
  int width() const { return static_cast<int>(input_[3]); }

  std::vector<float> compute(std::span<const float> values, int n) {
    ComputeGraph graph(source_.backend, [&](GraphBuilder& builder) {
      ggml_tensor* x = builder.input("means", {channels(), frames(), n});
      ggml_tensor* first = builder.index_input("first", n);
      x = block_->apply(builder, stem_->apply(builder, x), first);
      builder.output("embedding", head_->apply(builder, x));
    });
    std::vector<std::int32_t> first;
    for (int i = 0; i < n; ++i)
      first.push_back(i * frames());
    graph.set_input("means", channel_means(values, n, channels(), frames()));
    graph.set_input("first", first);
    graph.compute();
    std::vector<float> rows = graph.output("embedding");
    for (int i = 0; i < n; ++i)
      scale_to_length(std::span(rows).subspan(std::size_t(i) * n_embd_, n_embd_), 1.0F);
    return rows;
  }

  TowerSource source_;
  TowerKind kind_;
  std::vector<std::uint32_t> input_;
  int n_embd_;
  std::unique_ptr<TransformerLayerFactory> layers_;
  std::unique_ptr<LinearLayer> stem_;
  std::optional<TransformerBlock> block_;
  std::unique_ptr<LinearLayer> head_;
};

/// The sum of the bytes' rows.
class ByteTower : public TextTower {
 public:
  explicit ByteTower(const TowerSource& source)
      : file_(source.file), rows_(source.file.tensor(part(TowerKind::kText, "bytes"))) {}

  int context_length() const override { return kContextLength; }

  std::vector<std::int32_t> tokens(const std::string& text) override {
    std::vector<std::int32_t> tokens;
    for (const char c : text.substr(0, kContextLength))
      tokens.push_back(static_cast<unsigned char>(c));
    tokens.resize(kContextLength, kPadding);
    return tokens;
  }

  std::vector<float> encode(std::span<const std::int32_t> tokens, int n) override {
    const auto width = static_cast<std::size_t>(rows_.shape[0]);
    std::vector<float> embeddings(n * width);
    std::vector<float> row(width);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == kPadding) continue;
      file_.read_row_f32(rows_, tokens[i], row);
      float* sum = embeddings.data() + i / kContextLength * width;
      std::transform(row.begin(), row.end(), sum, sum, std::plus());
    }
    for (int i = 0; i < n; ++i)
      scale_to_length(std::span(embeddings).subspan(i * width, width), 1.0F);
    return embeddings;
  }

 private:
  const GgufFile& file_;
  const GgufTensor& rows_;
};

std::unique_ptr<Tower> open_tower(TowerKind kind, const TowerSource& source) {
  return std::make_unique<FrameTower>(kind, source);
}

std::unique_ptr<TextTower> open_text_tower(const TowerSource& source) {
  return std::make_unique<ByteTower>(source);
}

// --- The same with plain loops -------------------------------------------------------------------

using Vector = std::vector<double>;

/// y = W x + b; `weight` is (n_out, n_in).
Vector linear(const GgufFile& file, const std::string& name, const Vector& x) {
  const std::vector<float> weight = file.read_f32(name + ".weight");
  Vector y(weight.size() / x.size());
  if (file.find_tensor(name + ".bias") != nullptr) {
    const std::vector<float> bias = file.read_f32(name + ".bias");
    std::ranges::copy(bias, y.begin());
  }
  for (std::size_t i = 0; i < weight.size(); ++i)
    y[i / x.size()] += weight[i] * x[i % x.size()];
  return y;
}

Vector norm(const GgufFile& file, const std::string& name, Vector x) {
  const auto count = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / count;
  double variance = 0;
  for (const double value : x)
    variance += (value - mean) * (value - mean) / count;
  const std::vector<float> weight = file.read_f32(name + ".weight");
  const std::vector<float> bias = file.read_f32(name + ".bias");
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = (x[i] - mean) / std::sqrt(variance + kEpsilon) * weight[i] + bias[i];
  return x;
}

/// What the first token sees; `qkv` holds each token's query, key and value.
Vector attention_of_first(const std::vector<Vector>& qkv, std::size_t n_heads) {
  const std::size_t width = qkv[0].size() / 3;
  const std::size_t head_width = width / n_heads;
  Vector result(width);
  for (std::size_t head = 0; head < n_heads; ++head) {
    Vector shares;
    for (const Vector& token : qkv) {
      double product = 0;
      for (std::size_t i = head * head_width; i < (head + 1) * head_width; ++i)
        product += qkv[0][i] * token[width + i];
      shares.push_back(std::exp(product / std::sqrt(static_cast<double>(head_width))));
    }
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (std::size_t t = 0; t < qkv.size(); ++t)
      for (std::size_t i = head * head_width; i < (head + 1) * head_width; ++i)
        result[i] += shares[t] / sum * qkv[t][2 * width + i];
  }
  return result;
}

void add(Vector& sum, const Vector& x) {
  std::transform(sum.begin(), sum.end(), x.begin(), sum.begin(), std::plus());
}

}  // namespace

void register_frame_tower() {
  if (find_architecture(kFrameArchitecture) != nullptr) return;
  register_architecture(
      {.name = kFrameArchitecture, .open = open_tower, .open_text = open_text_tower});
}

void write_frame_tower(GgufWriter& writer, const FrameTowerConfig& config) {
  const TowerKind kind = config.kind;
  auto seed = 100 * static_cast<unsigned>(kind);
  const auto random = [&](const std::string& name, const TensorShape& shape) {
    const std::int64_t count =
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies());
    writer.add_f32(part(kind, name), shape, normal_values(count, ++seed, 0.5F));
  };
  writer.set_str(tower_key(kind, encoder_keys::kTowerArchitecture), kFrameArchitecture);
  if (kind == TowerKind::kText) return random("bytes", {config.n_embd, 256});
  writer.set_u32_array(tower_key(kind, encoder_keys::kTowerInput), config.input);
  writer.set_u32(tower_key(kind, kHeadCount), config.n_heads);
  const int side = static_cast<int>(config.input[2]);
  if (kind == TowerKind::kAudio) {
    writer.set_f32(tower_key(kind, kEnergyMean), config.energy_mean);
    writer.set_f32(tower_key(kind, kEnergyStd), config.energy_std);
  } else {
    write_image_transform(writer, kind, {side, side, config.stats.mean, config.stats.std});
  }
  const std::int64_t width = config.width;
  const auto layer = [&](const std::string& name, std::int64_t n_in, std::int64_t n_out) {
    random(name + ".weight", {n_in, n_out});
    random(name + ".bias", {n_out});
  };
  layer("stem", config.input[0], width);
  for (const char* name : {"block.attn_norm", "block.ffn_norm"}) {
    random(std::string(name) + ".weight", {width});
    random(std::string(name) + ".bias", {width});
  }
  layer("block.attn_qkv", width, 3 * width);
  layer("block.attn_out", width, width);
  layer("block.ffn_up", width, kFeedForwardFactor * width);
  layer("block.ffn_down", kFeedForwardFactor * width, width);
  random("head.weight", {width, config.n_embd});
}

std::vector<double> expected_of_view(const GgufFile& file, const FrameTowerConfig& config,
                                     const float* view) {
  const auto name = [&](const char* suffix) { return part(config.kind, suffix); };
  const auto channels = static_cast<int>(config.input[0]);
  const auto frames = static_cast<int>(config.input[1]);
  const std::size_t length =
      std::size_t{config.input[0]} * config.input[1] * config.input[2] * config.input[3];
  const std::vector<float> means = channel_means({view, length}, 1, channels, frames);
  std::vector<Vector> tokens;
  std::vector<Vector> qkv;
  for (auto mean = means.begin(); mean != means.end(); mean += channels) {
    tokens.push_back(linear(file, name("stem"), Vector(mean, mean + channels)));
    qkv.push_back(
        linear(file, name("block.attn_qkv"), norm(file, name("block.attn_norm"), tokens.back())));
  }
  Vector x = tokens[0];
  add(x, linear(file, name("block.attn_out"), attention_of_first(qkv, config.n_heads)));
  Vector hidden = linear(file, name("block.ffn_up"), norm(file, name("block.ffn_norm"), x));
  for (double& value : hidden)
    value *= 0.5 * std::erfc(-value / std::sqrt(2.0));
  add(x, linear(file, name("block.ffn_down"), hidden));
  Vector row = linear(file, name("head"), x);
  const double norm_of_row =
      std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
  for (double& value : row)
    value /= norm_of_row;
  return row;
}

}  // namespace pandagpt::test
