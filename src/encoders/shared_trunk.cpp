#include "encoders/shared_trunk.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "encoders/batches.h"
#include "encoders/conv_layers.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

constexpr std::size_t kColours = 3;
constexpr std::uint32_t kMaxSide = 1 << 12;
// Of the trunk's inputs: photos, (value - 127) / 128.
constexpr double kPhotoDeviation = 0.5;
// A view that is all the same stays so, instead of becoming its rounding errors.
constexpr double kLeastDeviation = 1e-3;

[[noreturn]] void fail(const GgufFile& file, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " + what);
}

/// Where an output pixel of `size` looks among `length` input ones: half-pixel centres.
struct Tap {
  int low;
  int high;
  float share;  ///< of `high`
};

std::vector<Tap> taps(int length, int size) {
  std::vector<Tap> result;
  const auto n_low = static_cast<float>(length);
  for (int i = 0; i < size; ++i) {
    const float centre = (static_cast<float>(i) + 0.5F) * n_low / static_cast<float>(size);
    const float at = std::clamp(centre - 0.5F, 0.0F, n_low - 1.0F);
    const int low = static_cast<int>(at);
    result.push_back({low, std::min(low + 1, length - 1), at - static_cast<float>(low)});
  }
  return result;
}

}  // namespace

bool is_shared_trunk(const GgufFile& file, TowerKind tower) {
  return has_tower(file, tower) && tower_architecture(file, tower) == kSharedTrunkArchitecture;
}

SharedTrunkConfig read_shared_trunk_config(const GgufFile& file, TowerKind tower) {
  const std::string name = tower_name(tower);
  if (!has_trunk(file))
    fail(file, "the " + name + " tower shares the trunk of a vision tower that isn't there");
  const std::string input_key = tower_key(tower, keys::kTowerInput);
  const std::vector<std::uint32_t> input = file.get_u32_array(input_key);
  if (input.size() != 4 || input[0] != 1 || input[1] != 1 || input[2] < 1 || input[3] < 1 ||
      input[2] > kMaxSide || input[3] > kMaxSide)
    fail(file, input_key + " must be 1, 1, height, width");
  SharedTrunkConfig config{
      .tower = tower, .height = static_cast<int>(input[2]), .width = static_cast<int>(input[3])};
  config.n_features = static_cast<int>(file.get_u32(keys::kHeadChannels));
  config.n_embd = static_cast<int>(file.get_u32(keys::kEmbeddingLength));
  config.output_scale = file.get_f32(tower_key(tower, "output_scale"));
  if (const GgufTensor* layer = file.find_tensor(keys::weight_name(keys::embedding_hidden(tower))))
    config.n_hidden = static_cast<int>(layer->shape.back());
  return config;
}

void trunk_picture(std::span<const float> view, int height, int width, int size, float* pixels) {
  double sum = 0;
  double squares = 0;
  for (const float value : view) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double mean = sum / static_cast<double>(view.size());
  const double deviation =
      std::sqrt(std::max(0.0, squares / static_cast<double>(view.size()) - mean * mean));
  const auto scale = static_cast<float>(kPhotoDeviation / std::max(deviation, kLeastDeviation));
  const std::vector<Tap> columns = taps(width, size);
  for (const Tap& row : taps(height, size)) {
    const float* above = view.data() + static_cast<std::size_t>(row.low) * width;
    const float* below = view.data() + static_cast<std::size_t>(row.high) * width;
    for (const Tap& column : columns) {
      const float top = std::lerp(above[column.low], above[column.high], column.share);
      const float bottom = std::lerp(below[column.low], below[column.high], column.share);
      const float value = (std::lerp(top, bottom, row.share) - static_cast<float>(mean)) * scale;
      pixels = std::fill_n(pixels, kColours, value);
    }
  }
}

std::vector<float> plane_features(ImageTrunk& trunk, std::span<const float> views, int n,
                                  int height, int width, int max_batch) {
  const std::size_t length = static_cast<std::size_t>(height) * width;
  const int size = trunk.image_size();
  const std::size_t n_pixels = kColours * size * size;
  std::vector<float> pixels;
  return in_batches(n, max_batch, [&](int begin, int count) {
    pixels.resize(count * n_pixels);
    for (int i = 0; i < count; ++i)
      trunk_picture(views.subspan((begin + i) * length, length), height, width, size,
                    pixels.data() + i * n_pixels);
    return trunk.features(pixels.data(), count);
  });
}

class SharedTrunkHead::Impl {
 public:
  Impl(const GgufFile& file, const SharedTrunkConfig& config, const ComputeBackend& backend,
       bool portable)
      : config_(config), backend_(backend), factory_(make_conv_layers(file, backend, portable)) {
    int width = config.n_features;
    if (config.n_hidden > 0) {
      hidden_ = factory_->pointwise(keys::embedding_hidden(config.tower), width, config.n_hidden,
                                    /*clamped=*/true);
      width = config.n_hidden;
    }
    output_ = factory_->pointwise(keys::embedding_head(config.tower), width, config.n_embd,
                                  /*clamped=*/false);
    factory_->finish();
  }

  std::vector<float> run(std::span<const float> features, int n) {
    std::unique_ptr<ComputeGraph>& graph = graphs_[n];
    if (!graph)
      graph = std::make_unique<ComputeGraph>(backend_, [&](GraphBuilder& builder) {
        ggml_tensor* x = builder.input("features", {config_.n_features, n});
        if (hidden_) x = hidden_->apply(builder, x);
        builder.output("embeddings", output_->apply(builder, x));
      });
    graph->set_input("features", features);
    graph->compute();
    std::vector<float> rows = graph->output("embeddings");
    const auto width = static_cast<std::size_t>(config_.n_embd);
    for (int i = 0; i < n; ++i)
      scale_to_length({rows.data() + i * width, width}, config_.output_scale);
    return rows;
  }

 private:
  SharedTrunkConfig config_;
  const ComputeBackend& backend_;
  std::unique_ptr<ConvLayerFactory> factory_;
  std::unique_ptr<ConvLayer> hidden_;  // nullptr: one layer
  std::unique_ptr<ConvLayer> output_;
  std::map<int, std::unique_ptr<ComputeGraph>> graphs_;  // by batch
};

SharedTrunkHead::SharedTrunkHead(const GgufFile& file, const SharedTrunkConfig& config,
                                 const ComputeBackend& backend, bool portable)
    : impl_(std::make_unique<Impl>(file, config, backend, portable)) {}
SharedTrunkHead::~SharedTrunkHead() = default;

std::vector<float> SharedTrunkHead::run(std::span<const float> features, int n) {
  return impl_->run(features, n);
}

}  // namespace pandagpt
