#include "pipeline/projector.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace {

int size_of(const GgufFile& file, const char* key) {
  const std::uint32_t value = file.get_u32(key);
  if (value == 0 || value > kMaxProjectorSize)
    throw Error(ErrorKind::kModel, file.path().string() + ": '" + key + "' is " +
                                       std::to_string(value) + ", expected 1 to " +
                                       std::to_string(kMaxProjectorSize));
  return static_cast<int>(value);
}

}  // namespace

Projector::Projector(const std::filesystem::path& path) {
  const GgufFile file(path);
  n_image_tokens_ = size_of(file, projector_keys::kImageTokens);
  n_in_ = size_of(file, projector_keys::kIn);
  n_embd_ = size_of(file, projector_keys::kEmbd);
  const std::int64_t n_out = std::int64_t{n_image_tokens_} * n_embd_;
  weight_ = file.read_f32(projector_keys::kWeight, {n_in_, n_out});
  bias_ = file.read_f32(projector_keys::kBias, {n_out});
  lexicon_ = Lexicon::read(file, n_in_, n_embd_);
}

std::vector<float> Projector::project(std::span<const float> embedding) const {
  if (embedding.size() != static_cast<std::size_t>(n_in_))
    throw Error(ErrorKind::kModel, "the projector takes " + std::to_string(n_in_) +
                                       " numbers and got " + std::to_string(embedding.size()));
  std::vector<float> out(bias_);
  out.resize(bias_.size() +
             static_cast<std::size_t>(n_words()) * static_cast<std::size_t>(n_embd_));
  if (lexicon_) lexicon_->look_up(embedding, std::span(out).subspan(bias_.size()));
  for (std::size_t row = 0; row < bias_.size(); ++row) {
    const float* weights = weight_.data() + row * embedding.size();
    out[row] += std::inner_product(embedding.begin(), embedding.end(), weights, 0.0F);
  }
  return out;
}

std::vector<float> Projector::project_sum(std::span<const float> rows,
                                          std::span<const float> weights) const {
  const auto width = static_cast<std::size_t>(n_in_);
  if (rows.size() != width * weights.size())
    throw Error(ErrorKind::kModel, "the projector takes " + std::to_string(n_in_) +
                                       " numbers an input and got " + std::to_string(rows.size()) +
                                       " for " + std::to_string(weights.size()));
  if (weights.empty()) return {};
  std::vector<float> joined(bias_.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::vector<float> one = project(rows.subspan(i * width, width));
    for (float& value : one)
      value *= weights[i];
    const auto words = one.begin() + static_cast<std::ptrdiff_t>(bias_.size());
    std::transform(one.begin(), words, joined.begin(), joined.begin(), std::plus<>());
    joined.insert(joined.end(), words, one.end());
  }
  return joined;
}

}  // namespace pandagpt
