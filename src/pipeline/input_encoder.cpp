#include "pipeline/input_encoder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
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
                           const std::string& recorded_sha256, const InputLimits& limits)
    : model_name_(std::move(model_name)),
      cache_(std::move(cache)),
      encoders_(path, with_hashes_of(cache_, recorded_sha256, options)),
      limits_(limits),
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
    fresh.push_back(
        {i, tower_of(input.modality), std::move(key), stamp, prepare(input, transforms_, limits_)});
  }
  if (n_cached != nullptr) *n_cached = static_cast<int>(inputs.size() - fresh.size());
  if (fresh.empty()) return rows;
  encode_new(fresh, rows);
  for (const NewInput& one : fresh) {
    const Input& input = inputs[one.row];
    // A file that was written to meanwhile has been hashed as one thing and read as another.
    const bool is_same = !input.bytes.empty() || file_stamp(input.name) == one.stamp;
    if (one.key && is_same) cache_.put(*one.key, std::span(rows).subspan(one.row * width, width));
  }
  return rows;
}

void InputEncoder::encode_new(std::span<NewInput> inputs, std::span<float> rows) const {
  Request own{inputs, rows};
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting_.push_back(&own);
  }
  const std::lock_guard lock(mutex_);
  if (!own.is_done) {  // nobody has taken it along
    std::vector<Request*> batch;
    {
      const std::lock_guard waiting_lock(waiting_mutex_);
      batch.swap(waiting_);
    }
    for (Request* one : batch)
      one->is_done = true;
    try {
      encode_batch(batch);
    } catch (...) {
      if (batch.size() == 1) throw;
      for (Request* one : batch) {  // each for itself: the fault is one request's own
        try {
          encode_batch({&one, 1});
        } catch (...) {
          one->failure = std::current_exception();
        }
      }
    }
  }
  if (own.failure) std::rethrow_exception(own.failure);
}

void InputEncoder::encode_batch(std::span<Request* const> requests) const {
  const auto width = static_cast<std::size_t>(n_embd_);
  std::vector<Image> images;
  std::map<std::pair<Tower, int>, std::vector<float>> tensors;  // by tower and number of views
  std::map<std::pair<Tower, int>, std::vector<std::span<float>>> tensor_rows;
  std::vector<std::span<float>> image_rows;
  for (const Request* request : requests) {
    for (NewInput& one : request->inputs) {
      const std::span<float> row = request->rows.subspan(one.row * width, width);
      if (auto* image = std::get_if<Image>(&one.prepared)) {
        // One that fails is encoded again on its own, see encode_new.
        images.push_back(requests.size() == 1 ? std::move(*image) : *image);
        image_rows.push_back(row);
        continue;
      }
      const auto& tensor = std::get<MediaTensor>(one.prepared);
      const std::pair key(one.tower, tensor.n_views);
      tensors[key].insert(tensors[key].end(), tensor.values.begin(), tensor.values.end());
      tensor_rows[key].push_back(row);
    }
  }
  const auto deliver = [&](std::span<const float> values, std::span<const std::span<float>> to) {
    for (std::size_t i = 0; i < to.size(); ++i)
      std::ranges::copy(values.subspan(i * width, width), to[i].begin());
  };
  for (const auto& [key, values] : tensors) {
    const auto& to = tensor_rows[key];
    deliver(encoders_.encode(key.first, values, static_cast<int>(to.size()), key.second), to);
  }
  if (!images.empty()) deliver(encoders_.encode_images(images), image_rows);
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
