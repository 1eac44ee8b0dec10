#include "pipeline/input_encoder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/time_limit.h"
#include "core/warnings.h"
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

/// Statistics are remembered beside the embedding. The 1 changes with what they are.
std::string statistics_key(const std::string& key) {
  return key + "\nstatistics 1";
}

/// What is remembered of an input.
struct Remembered {
  std::vector<float> embedding;
  std::vector<float> statistics;
};

std::optional<Remembered> find(EmbeddingCache& cache, const std::string& key, std::size_t width,
                               int n_statistics) {
  std::optional<std::vector<float>> embedding = cache.find(key, width);
  if (!embedding) return std::nullopt;
  if (n_statistics == 0) return Remembered{std::move(*embedding), {}};
  std::optional<std::vector<float>> statistics =
      cache.find(statistics_key(key), static_cast<std::size_t>(n_statistics));
  if (!statistics) return std::nullopt;
  return Remembered{std::move(*embedding), std::move(*statistics)};
}

std::vector<float> statistics_of(const PreparedInput& prepared) {
  const auto* tensor = std::get_if<MediaTensor>(&prepared);
  return tensor != nullptr ? tensor->statistics : std::vector<float>();
}

void tell(const std::vector<std::string>& warnings, InputReport* report) {
  for (const std::string& warning : warnings) {
    if (report != nullptr)
      report->warnings.push_back(warning);
    else
      warn(warning);
  }
}

}  // namespace

InputEncoder::InputEncoder(const std::filesystem::path& path, const EncoderOptions& options,
                           std::string model_name, EmbeddingCacheOptions cache,
                           const std::string& recorded_sha256, const InputLimits& limits,
                           int audio_channel)
    : model_name_(std::move(model_name)),
      cache_(std::move(cache)),
      encoders_(path, with_hashes_of(cache_, recorded_sha256, options)),
      limits_(limits),
      transforms_(media_transforms(encoders_)),
      n_embd_(encoders_.n_embd()) {
  transforms_.audio_channel = audio_channel;
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

std::vector<float> InputEncoder::encode(const std::vector<Input>& inputs,
                                        InputReport* report) const {
  for (const Input& input : inputs) {
    require_tower(input.modality);
  }
  if (!inputs.empty()) name_encoder();
  const auto width = static_cast<std::size_t>(n_embd_);
  std::vector<float> rows(inputs.size() * width);
  if (report != nullptr) report->statistics.assign(inputs.size(), {});
  std::vector<NewInput> fresh;
  std::vector<TowerInput> prepared;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Input& input = inputs[i];
    const std::optional<FileStamp> stamp = file_stamp(input.name);
    std::optional<std::string> key;
    if (cache_.keeps_embeddings()) key = cache_.key_of(input, transforms_.audio_channel);
    if (key) {
      const int n_wanted = report != nullptr ? n_statistics(input.modality) : 0;
      if (auto known = find(cache_, *key, width, n_wanted)) {
        std::ranges::copy(known->embedding, rows.begin() + static_cast<std::ptrdiff_t>(i * width));
        if (report != nullptr) report->statistics[i] = std::move(known->statistics);
        continue;
      }
    }
    std::vector<std::string> warnings;
    {
      const WarningCollector collector;
      prepared.push_back({tower_of(input.modality), prepare(input, transforms_, limits_)});
      warnings = collector.messages();
    }
    if (!warnings.empty()) key.reset();
    tell(warnings, report);
    fresh.push_back({i, std::move(key), stamp, statistics_of(prepared.back().prepared)});
  }
  if (report != nullptr) report->n_cached += static_cast<int>(inputs.size() - fresh.size());
  if (fresh.empty()) return rows;
  const std::vector<float> encoded = encode_together(prepared);
  auto row = encoded.cbegin();
  for (NewInput& one : fresh) {
    const Input& input = inputs[one.row];
    const auto target = std::span(rows).subspan(one.row * width, width);
    std::copy_n(row, width, target.begin());
    row += static_cast<std::ptrdiff_t>(width);
    // A file that was written to meanwhile has been hashed as one thing and read as another.
    const bool is_same = !input.bytes.empty() || file_stamp(input.name) == one.stamp;
    if (one.key && is_same) {
      cache_.put(*one.key, target);
      if (!one.statistics.empty()) cache_.put(statistics_key(*one.key), one.statistics);
    }
    if (report != nullptr) report->statistics[one.row] = std::move(one.statistics);
  }
  return rows;
}

std::vector<float> InputEncoder::encode_together(std::span<TowerInput> inputs) const {
  Request own{.inputs = inputs};
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting_.push_back(&own);
  }
  const std::lock_guard lock(mutex_);
  if (!own.is_done) {           // nobody has taken it along
    if (TimeLimit::passed()) {  // while others were encoded
      {
        const std::lock_guard waiting_lock(waiting_mutex_);
        std::erase(waiting_, &own);
      }
      TimeLimit::check("the inputs");
    }
    std::vector<Request*> batch;
    {
      const std::lock_guard waiting_lock(waiting_mutex_);
      batch.swap(waiting_);
    }
    encode_batch(batch);
  }
  if (own.failure) std::rethrow_exception(own.failure);
  return std::move(own.rows);
}

void InputEncoder::encode_batch(std::span<Request* const> batch) const {
  for (Request* one : batch)
    one->is_done = true;
  if (batch.size() > 1) {
    std::vector<TowerInput> all;  // copies: what fails is tried again
    for (const Request* one : batch)
      all.insert(all.end(), one->inputs.begin(), one->inputs.end());
    try {
      const std::vector<float> rows = encode_prepared(encoders_, all);
      auto row = rows.begin();
      for (Request* one : batch) {
        const auto end = row + static_cast<std::ptrdiff_t>(one->inputs.size()) * n_embd_;
        one->rows.assign(std::exchange(row, end), end);
      }
      return;
    } catch (const std::exception& error) {  // each for itself: the fault is one request's own
      spdlog::info("a batch of inputs is encoded one by one: {}", error.what());
    }
  }
  for (Request* one : batch) {
    try {
      one->rows = encode_prepared(encoders_, one->inputs);
    } catch (...) {
      one->failure = std::current_exception();
    }
  }
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
