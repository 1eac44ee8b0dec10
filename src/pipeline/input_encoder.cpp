#include "pipeline/input_encoder.h"

#include <algorithm>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {

InputEncoder::InputEncoder(const std::filesystem::path& path, const EncoderOptions& options,
                           std::string model_name)
    : model_name_(std::move(model_name)),
      encoders_(path, options),
      transforms_(media_transforms(encoders_)),
      n_embd_(encoders_.n_embd()) {
  std::ranges::copy_if(kAllModalities, std::back_inserter(modalities_),
                       [this](Modality one) { return encoders_.has(tower_of(one)); });
}

bool InputEncoder::takes(Modality modality) const {
  return std::ranges::find(modalities_, modality) != modalities_.end();
}

bool InputEncoder::takes_text() const {
  return encoders_.has(Tower::kText);
}

const std::string& InputEncoder::fingerprint() const {
  const std::lock_guard lock(mutex_);
  return encoders_.fingerprint();
}

void InputEncoder::require_tower(Modality modality) const {
  if (takes(modality)) return;
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
  std::vector<PreparedInput> prepared;
  for (const Input& input : inputs) {
    prepared.push_back(prepare(input, transforms_));
  }
  const std::lock_guard lock(mutex_);
  return encode_prepared(inputs, std::move(prepared));
}

std::vector<float> InputEncoder::encode_prepared(std::span<const Input> inputs,
                                                 std::vector<PreparedInput> prepared) const {
  const auto width = static_cast<std::size_t>(n_embd_);
  std::vector<float> rows(inputs.size() * width);
  std::vector<Image> images;  // all at once: a batch is faster
  std::vector<std::size_t> image_rows;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (auto* image = std::get_if<Image>(&prepared[i])) {
      images.push_back(std::move(*image));
      image_rows.push_back(i);
      continue;
    }
    const auto& tensor = std::get<MediaTensor>(prepared[i]);
    const std::vector<float> row =
        encoders_.encode(tower_of(inputs[i].modality), tensor.values, 1, tensor.n_views);
    std::ranges::copy(row, rows.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
  if (images.empty()) return rows;
  const std::vector<float> pictures = encoders_.encode_images(images);
  for (std::size_t i = 0; i < image_rows.size(); ++i)
    std::copy_n(pictures.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                rows.begin() + static_cast<std::ptrdiff_t>(image_rows[i] * width));
  return rows;
}

std::vector<float> InputEncoder::encode_texts(std::span<const std::string> texts) const {
  if (!takes_text())
    throw Error(ErrorKind::kModel, model_name_ +
                                       " has no text tower: texts can't be compared with inputs; "
                                       "use a model that has one (ImageBind)");
  const std::lock_guard lock(mutex_);
  return encoders_.encode_texts(texts);
}

}  // namespace pandagpt
