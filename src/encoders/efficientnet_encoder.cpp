#include "encoders/efficientnet_encoder.h"

#include <algorithm>
#include <span>

#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

[[noreturn]] void fail(const GgufFile& file, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " + what);
}

}  // namespace

EfficientNetEncoder::EfficientNetEncoder(const GgufFile& file, const ComputeBackend& backend,
                                         bool portable, int max_batch)
    : trunk_(file, backend, portable), max_batch_(max_batch) {
  const std::uint32_t n_embd = file.get_u32(keys::kEmbeddingLength);
  const EfficientNetConfig& config = trunk_.config();
  if (static_cast<int>(n_embd) != config.n_embd())
    fail(file, std::string(keys::kEmbeddingLength) + " is " + std::to_string(n_embd) +
                   ", but the vision tower gives " + std::to_string(config.n_embd()) + " features");
  normalize_ = file.get_bool(keys::kNormalize);
  scale_ = file.get_f32(keys::kOutputScale);
  if (file.has(keys::kClassLabels)) labels_ = file.get_str_array(keys::kClassLabels);
  if (static_cast<int>(labels_.size()) != config.n_classes)
    fail(file, std::string(keys::kClassLabels) + " has " + std::to_string(labels_.size()) +
                   " names for " + std::to_string(config.n_classes) + " classes");
}

std::vector<float> EfficientNetEncoder::embed(const float* pixels, int n) {
  std::vector<float> rows =
      in_batches(pixels, n, {.embeddings = true}, &EfficientNetFeatures::embeddings);
  if (normalize_) {
    const auto width = static_cast<std::size_t>(trunk_.config().n_embd());
    for (int i = 0; i < n; ++i)
      scale_to_length({rows.data() + i * width, width}, scale_);
  } else {
    std::ranges::transform(rows, rows.begin(), [this](float value) { return value * scale_; });
  }
  return rows;
}

std::vector<float> EfficientNetEncoder::pooled(const float* pixels, int n) {
  return in_batches(pixels, n, {}, &EfficientNetFeatures::pooled);
}

std::vector<float> EfficientNetEncoder::grid(const float* pixels, int n) {
  return in_batches(pixels, n, {.grid = true}, &EfficientNetFeatures::grid);
}

std::vector<float> EfficientNetEncoder::logits(const float* pixels, int n) {
  return in_batches(pixels, n, {.logits = true}, &EfficientNetFeatures::logits);
}

std::vector<float> EfficientNetEncoder::in_batches(
    const float* pixels, int n, const EfficientNetRequest& request,
    std::vector<float> EfficientNetFeatures::*wanted) {
  const std::size_t length = std::size_t{3} * image_size() * image_size();
  std::vector<float> result;
  for (int begin = 0; begin < n; begin += max_batch_) {
    const int count = std::min(max_batch_, n - begin);
    const EfficientNetFeatures features = trunk_.run(pixels + begin * length, count, request);
    const std::vector<float>& rows = features.*wanted;
    result.insert(result.end(), rows.begin(), rows.end());
  }
  return result;
}

}  // namespace pandagpt
