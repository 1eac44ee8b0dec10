#include "pipeline/input_encoder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

EncoderOptions with_hashes_of(EmbeddingCache& cache, const std::string& recorded,
                              EncoderOptions options) {
  options.file_sha256 = [&cache, recorded](const std::filesystem::path& path) {
    return cache.file_sha256(path, recorded);
  };
  return options;
}

}  // namespace

InputEncoder::InputEncoder(const std::filesystem::path& path, const EncoderOptions& options,
                           std::string model_name, EmbeddingCacheOptions cache,
                           const std::string& recorded_sha256)
    : model_name_(std::move(model_name)),
      cache_(std::move(cache)),
      encoders_(path, with_hashes_of(cache_, recorded_sha256, options)),
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

void InputEncoder::name_encoder() const {
  if (!cache_.wants_encoder()) return;
  const std::lock_guard lock(mutex_);
  try {
    cache_.set_encoder(encoders_.fingerprint() + '\n' + encoders_.arithmetic());
  } catch (const Error& error) {  // the file is gone, though still mapped: memory alone then
    spdlog::info("the cache of embeddings isn't used: {}", error.what());
  }
}

std::vector<float> InputEncoder::encode(const std::vector<Input>& inputs, int* n_cached) const {
  for (const Input& input : inputs) {
    require_tower(input.modality);
  }
  if (!inputs.empty()) name_encoder();
  const auto width = static_cast<std::size_t>(n_embd_);
  std::vector<float> rows(inputs.size() * width);
  std::vector<NewInput> fresh;
  std::vector<TowerInput> prepared;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Input& input = inputs[i];
    const std::optional<FileStamp> stamp = file_stamp(input.name);
    std::optional<std::string> key;
    if (cache_.keeps_embeddings()) key = cache_.key_of(input);
    if (key) {
      if (const auto known = cache_.find(*key, width)) {
        std::ranges::copy(*known, rows.begin() + static_cast<std::ptrdiff_t>(i * width));
        continue;
      }
    }
    fresh.push_back({i, std::move(key), stamp});
    prepared.push_back({tower_of(input.modality), prepare(input, transforms_)});
  }
  if (n_cached != nullptr) *n_cached = static_cast<int>(inputs.size() - fresh.size());
  if (fresh.empty()) return rows;
  std::vector<float> encoded;
  {
    const std::lock_guard lock(mutex_);
    encoded = encode_prepared(encoders_, prepared);
  }
  auto row = encoded.cbegin();
  for (const NewInput& one : fresh) {
    const Input& input = inputs[one.row];
    const auto target = std::span(rows).subspan(one.row * width, width);
    std::copy_n(row, width, target.begin());
    row += static_cast<std::ptrdiff_t>(width);
    // A file that was written to meanwhile has been hashed as one thing and read as another.
    const bool is_same = !input.bytes.empty() || file_stamp(input.name) == one.stamp;
    if (one.key && is_same) cache_.put(*one.key, target);
  }
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
