#include "pipeline/input_encoder.h"

#include <algorithm>
#include <utility>

#include "media/image.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

EncoderOptions encoder_options(int n_threads) {
  EncoderOptions options;
  options.n_threads = n_threads;
  return options;
}

Image decode(const Input& input) {
  return input.bytes.empty() ? load_image(input.name) : decode_image(input.bytes, input.name);
}

}  // namespace

InputEncoder::InputEncoder(const std::filesystem::path& path, int n_threads, std::string model_name)
    : model_name_(std::move(model_name)),
      encoders_(path, encoder_options(n_threads)),
      n_embd_(encoders_.n_embd()),
      modalities_{Modality::kImage} {}

void InputEncoder::require_tower(Modality modality) const {
  if (std::ranges::find(modalities_, modality) != modalities_.end()) return;
  std::string known;
  for (const Modality item : modalities_) {
    known += (known.empty() ? "" : ", ") + to_string(item);
  }
  throw Error(ErrorKind::kModel,
              model_name_ + " has no " + to_string(modality) + " tower; it takes: " + known);
}

std::vector<float> InputEncoder::encode(const std::vector<Input>& inputs) const {
  for (const Input& input : inputs) {
    require_tower(input.modality);
  }
  std::vector<Image> images;
  for (const Input& input : inputs) {
    images.push_back(decode(input));
  }
  const std::lock_guard lock(mutex_);
  return images.empty() ? std::vector<float>{} : encoders_.encode_images(images);
}

}  // namespace pandagpt
