// The architecture "efficientnet-lite": panda-mini's vision tower. EfficientNet-Lite with its
// classifier, and what comes after it.
#include <algorithm>
#include <string>

#include "encoders/batches.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "encoders/picture_keys.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

constexpr std::size_t kColours = 3;

[[noreturn]] void fail(const GgufFile& file, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " + what);
}

/// A film's embedding is the mean of its frames'.
class EfficientNetTower : public Tower, public ImageTrunk {
 public:
  explicit EfficientNetTower(const TowerSource& source)
      : net_(source.file, source.backend, source.is_portable), max_batch_(source.max_batch) {
    const GgufFile& file = source.file;
    const EfficientNetConfig& config = net_.config();
    const std::uint32_t n_embd = file.get_u32(keys::kEmbeddingLength);
    if (static_cast<int>(n_embd) != config.n_embd())
      fail(file, std::string(keys::kEmbeddingLength) + " is " + std::to_string(n_embd) +
                     ", but the vision tower gives " + std::to_string(config.n_embd()) +
                     " features");
    normalize_ = file.get_bool(keys::kNormalize);
    scale_ = file.get_f32(keys::kOutputScale);
    if (file.has(keys::kClassLabels)) labels_ = file.get_str_array(keys::kClassLabels);
    if (static_cast<int>(labels_.size()) != config.n_classes)
      fail(file, std::string(keys::kClassLabels) + " has " + std::to_string(labels_.size()) +
                     " names for " + std::to_string(config.n_classes) + " classes");
    picture_ = read_image_transform(file, TowerKind::kVision, config.image_size);
  }

  void set_transforms(MediaTransforms& transforms) const override {
    transforms.picture = picture_;
    transforms.picture_layout = TensorLayout::kHwc;
    transforms.video.layout = TensorLayout::kHwc;
    transforms.video.match(picture_);
  }

  std::size_t view_length() const override { return kColours * picture_.size * picture_.size; }

  std::vector<float> encode(std::span<const float> values, int n) override {
    const std::size_t n_frames = values.size() / (n * view_length());
    if (n_frames < 1 || values.size() != n * n_frames * view_length())
      throw Error(ErrorKind::kUsage, "the vision tower got " + std::to_string(values.size()) +
                                         " values for " + std::to_string(n) +
                                         " views, each takes " + std::to_string(view_length()));
    const std::vector<float> rows = embed(values.data(), static_cast<int>(n * n_frames));
    return n_frames == 1
               ? rows
               : mean_over_views(rows, n, static_cast<int>(n_frames), net_.config().n_embd());
  }

  ImageTrunk* trunk() override { return this; }

  int image_size() const override { return net_.config().image_size; }
  int n_features() const override { return net_.config().head_channels; }
  std::vector<float> features(const float* pixels, int n) override {
    return run(pixels, n, {}, &EfficientNetFeatures::pooled);
  }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::vector<float> logits(const float* pixels, int n) override {
    return run(pixels, n, {.logits = true}, &EfficientNetFeatures::logits);
  }

 private:
  /// (n, n_embd) of n pictures: of length 1 if the file says so, times its scale.
  std::vector<float> embed(const float* pixels, int n) {
    std::vector<float> rows =
        run(pixels, n, {.embeddings = true}, &EfficientNetFeatures::embeddings);
    if (normalize_) {
      const auto width = static_cast<std::size_t>(net_.config().n_embd());
      for (int i = 0; i < n; ++i)
        scale_to_length({rows.data() + i * width, width}, scale_);
    } else {
      std::ranges::transform(rows, rows.begin(), [this](float value) { return value * scale_; });
    }
    return rows;
  }

  std::vector<float> run(const float* pixels, int n, const EfficientNetRequest& request,
                         std::vector<float> EfficientNetFeatures::*wanted) {
    return in_batches(n, max_batch_, [&](int begin, int count) {
      EfficientNetFeatures features = net_.run(pixels + begin * view_length(), count, request);
      return std::move(features.*wanted);
    });
  }

  EfficientNetLite net_;
  int max_batch_;
  std::vector<std::string> labels_;
  bool normalize_ = true;
  float scale_ = 1.0F;
  ImageTransform picture_;
};

std::unique_ptr<Tower> open_tower(TowerKind kind, const TowerSource& source) {
  if (kind != TowerKind::kVision) fail_architecture(source.file, kind, "which is for vision alone");
  return std::make_unique<EfficientNetTower>(source);
}

}  // namespace

TowerArchitecture efficientnet_architecture() {
  return {.name = keys::kEfficientNetLite, .open = open_tower};
}

}  // namespace pandagpt
