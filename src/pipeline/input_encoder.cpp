#include "pipeline/input_encoder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "core/warnings.h"
#include "media/logs/address.h"
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

void tell(const std::vector<std::string>& warnings, EncodingReport* report) {
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
                           const InputDefaults& defaults)
    : model_name_(std::move(model_name)),
      cache_(std::move(cache)),
      encoders_(path, with_hashes_of(cache_, recorded_sha256, options)),
      work_([this](std::span<TowerInput* const> inputs) { encode_prepared(encoders_, inputs); }),
      limits_(limits),
      transforms_(encoders_.transforms()),
      n_embd_(encoders_.n_embd()) {
  transforms_.audio_channel = defaults.audio_channel;
  transforms_.imu.takes_accelerometer_alone = defaults.takes_accelerometer_alone;
  std::ranges::copy_if(kAllModalities, std::back_inserter(modalities_),
                       [this](Modality one) { return encoders_.has(encoders_.tower_of(one)); });
}

bool InputEncoder::takes(Modality modality) const {
  return std::ranges::find(modalities_, modality) != modalities_.end();
}

bool InputEncoder::takes_text() const {
  return encoders_.has(TowerKind::kText);
}

const std::string& InputEncoder::fingerprint() const {
  const auto pause = work_.pause();
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

void InputEncoder::require_text_tower() const {
  if (takes_text()) return;
  throw Error(ErrorKind::kModel, model_name_ +
                                     " has no text tower: texts can't be compared with inputs; "
                                     "use a model that has one (ImageBind)");
}

void InputEncoder::name_encoder() const {
  if (!cache_.wants_encoder()) return;
  const auto pause = work_.pause();
  try {
    cache_.set_encoder(encoders_.fingerprint() + '\n' + encoders_.numerics());
  } catch (const Error& error) {  // the file is gone, though still mapped: memory alone then
    spdlog::info("the cache of embeddings isn't used: {}", error.what());
  }
}

/// One call: prepares inputs one after another, and encodes what has gathered whenever there is
/// enough for a batch.
class InputEncoder::Job {
 public:
  /// `rows` is (inputs, n_embd). What goes wrong with an input goes into its result; without
  /// results it ends the call.
  Job(const InputEncoder& encoder, const std::vector<Input>& inputs, std::span<float> rows,
      EncodingReport* report, std::vector<EmbedResult>* results)
      : encoder_(encoder), inputs_(inputs), rows_(rows), report_(report), results_(results) {}

  void run() {
    if (report_ != nullptr) {
      report_->statistics.assign(inputs_.size(), {});
      report_->n_without_content = 0;
    }
    if (!inputs_.empty()) encoder_.name_encoder();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      try {
        prepare_one(i);
      } catch (...) {
        note_failure(i, std::current_exception(), /*is_reading=*/true);
      }
      if (pictures_.size() >= static_cast<std::size_t>(encoder_.encoders_.max_batch()))
        encode(pictures_);
      if (n_other_values_ > kMaxWaitingValues) encode(others_);
    }
    std::ranges::move(pictures_, std::back_inserter(others_));
    encode(others_);
  }

 private:
  /// An input that the cache doesn't know.
  struct NewInput {
    std::size_t index;
    std::optional<std::string> key;  // to remember it by; nothing: not to be remembered
    std::optional<FileStamp> stamp;  // of its file before it was read
    TowerInput work;
  };

  // 64 MB: films, which are large, are encoded one by one, so it doesn't pay to gather them.
  static constexpr std::size_t kMaxWaitingValues = std::size_t{16} << 20;

  std::span<float> row(std::size_t index) const {
    const auto width = static_cast<std::size_t>(encoder_.n_embd_);
    return rows_.subspan(index * width, width);
  }

  /// Puts an input among those that wait, unless the cache knows it.
  void prepare_one(std::size_t index) {
    const Input& input = inputs_[index];
    encoder_.require_tower(input.modality);
    const std::optional<FileStamp> stamp = file_stamp(file_of(input.name));
    EmbeddingCache& cache = encoder_.cache_;
    const int n_statistics = report_ != nullptr ? encoder_.n_statistics(input.modality) : 0;
    std::optional<std::string> key;
    if (cache.keeps_embeddings()) key = cache.key_of(input, encoder_.transforms_.audio_channel);
    if (key) {
      if (auto known = find(cache, *key, row(index).size(), n_statistics)) {
        std::ranges::copy(known->embedding, row(index).begin());
        if (report_ == nullptr) return;
        report_->statistics[index] = std::move(known->statistics);
        ++report_->n_cached;
        return;
      }
    }
    MediaTensor tensor;
    std::vector<std::string> warnings;
    {
      const WarningCollector collector;
      tensor = prepare(input, encoder_.transforms_, encoder_.limits_);
      warnings = collector.messages();
      if (report_ != nullptr && collector.has_no_content()) ++report_->n_without_content;
    }
    if (!warnings.empty()) key.reset();
    tell(warnings, report_);
    const bool is_picture = input.modality == Modality::kImage;
    if (!is_picture) n_other_values_ += tensor.values.size();
    (is_picture ? pictures_ : others_)
        .push_back({index, std::move(key), stamp, {input.modality, std::move(tensor), row(index)}});
  }

  /// Together with what other threads wait for.
  void encode(std::vector<NewInput>& waiting) {
    if (waiting.empty()) return;
    std::vector<TowerInput*> work;
    for (NewInput& one : waiting)
      work.push_back(&one.work);
    encoder_.work_.run(work, "the inputs");
    for (NewInput& one : waiting) {
      if (one.work.failure)
        note_failure(one.index, one.work.failure, /*is_reading=*/false);
      else
        remember(one);
    }
    waiting.clear();
    if (&waiting == &others_) n_other_values_ = 0;
  }

  void remember(NewInput& one) {
    std::vector<float>& statistics = one.work.tensor.statistics;
    const Input& input = inputs_[one.index];
    // A file that was written to meanwhile has been hashed as one thing and read as another.
    const bool is_same = !input.bytes.empty() || file_stamp(file_of(input.name)) == one.stamp;
    if (one.key && is_same) {
      encoder_.cache_.put(*one.key, row(one.index));
      if (!statistics.empty()) encoder_.cache_.put(statistics_key(*one.key), statistics);
    }
    if (report_ != nullptr) report_->statistics[one.index] = std::move(statistics);
  }

  /// Memory is short because of this input if it was being read, else because of the machine.
  void note_failure(std::size_t index, const std::exception_ptr& failure, bool is_reading) {
    if (results_ == nullptr) std::rethrow_exception(failure);
    try {
      std::rethrow_exception(failure);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInternal) throw;
      (*results_)[index].error = error;
    } catch (const std::bad_alloc&) {
      if (!is_reading) throw;
      (*results_)[index].error =
          Error(ErrorKind::kInput,
                shown_name(inputs_[index]) + ": takes more memory than there is; make it smaller");
    }
  }

  const InputEncoder& encoder_;
  const std::vector<Input>& inputs_;
  std::span<float> rows_;
  EncodingReport* report_;
  std::vector<EmbedResult>* results_;
  std::vector<NewInput> pictures_;
  std::vector<NewInput> others_;
  std::size_t n_other_values_ = 0;  // of their tensors
};

std::vector<float> InputEncoder::encode(const std::vector<Input>& inputs,
                                        EncodingReport* report) const {
  for (const Input& input : inputs)
    require_tower(input.modality);
  std::vector<float> rows(inputs.size() * static_cast<std::size_t>(n_embd_));
  Job(*this, inputs, rows, report, nullptr).run();
  return rows;
}

std::vector<EmbedResult> InputEncoder::encode_each(const std::vector<Input>& inputs,
                                                   EncodingReport* report) const {
  std::vector<EmbedResult> results(inputs.size());
  std::vector<float> rows(inputs.size() * static_cast<std::size_t>(n_embd_));
  Job(*this, inputs, rows, report, &results).run();
  auto row = rows.cbegin();
  for (EmbedResult& result : results) {
    if (!result.error) result.row.assign(row, row + n_embd_);
    row += n_embd_;
  }
  return results;
}

std::vector<float> InputEncoder::encode_texts(std::span<const std::string> texts) const {
  require_text_tower();
  const auto pause = work_.pause();
  return encoders_.encode_texts(texts);
}

std::vector<EmbedResult> InputEncoder::encode_texts_each(std::span<const std::string> texts) const {
  std::vector<EmbedResult> results(texts.size());
  std::vector<std::int32_t> tokens;
  int n_good = 0;
  const auto pause = work_.pause();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    try {
      require_text_tower();
      const std::vector<std::int32_t> more = encoders_.tokens(texts[i]);
      tokens.insert(tokens.end(), more.begin(), more.end());
      ++n_good;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInternal) throw;
      results[i].error = error;
    }
  }
  if (n_good == 0) return results;
  const std::vector<float> rows = encoders_.encode_text(tokens, n_good);
  auto row = rows.cbegin();
  for (EmbedResult& result : results) {
    if (result.error) continue;
    result.row.assign(row, row + n_embd_);
    row += n_embd_;
  }
  return results;
}

}  // namespace pandagpt
