// Inputs of every kind -> embeddings in the joint space: decoding, preprocessing, tower.
#pragma once

#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoders/encoders.h"
#include "pandagpt/panda.h"
#include "pipeline/embedding_cache.h"
#include "pipeline/media_tensor.h"

namespace pandagpt {

/// What happened to the inputs of one call.
struct InputReport {
  double ms = 0;                           ///< decoding, preprocessing, encoding, projecting
  int n_cached = 0;                        ///< inputs that had been encoded before
  std::vector<std::string> warnings = {};  ///< each begins with its input's name
  bool is_unsure = false;                  ///< see Answer
  /// MediaTensor::statistics, one a input of the last call.
  std::vector<std::vector<float>> statistics = {};
};

/// May be used by several threads at once: they decode side by side, and what has gathered while
/// the encoders were busy is encoded in one batch.
class InputEncoder {
 public:
  /// `model_name` stands in error messages. `recorded_sha256` is believed to be the file's, empty
  /// if unknown. `audio_channel`: SensorOptions' where an input doesn't give it. Throws
  /// Error(kModel) if the file can't be used.
  InputEncoder(const std::filesystem::path& path, const EncoderOptions& options,
               std::string model_name, EmbeddingCacheOptions cache = {},
               const std::string& recorded_sha256 = {}, const InputLimits& limits = {},
               int audio_channel = 1);

  int n_embd() const { return n_embd_; }
  /// What the file has towers for.
  const std::vector<Modality>& modalities() const { return modalities_; }
  bool takes(Modality modality) const;
  bool takes_text() const;
  /// How many InputReport::statistics a kind of input has.
  int n_statistics(Modality modality) const { return statistics_count(modality, transforms_); }
  const std::string& fingerprint() const;

  /// (inputs, n_embd), row-major. All inputs are checked and decoded before any is encoded; those
  /// that the cache knows are neither decoded nor encoded. What is warned of isn't remembered, so
  /// that it is warned of again. Adds to `report` all but its time, and gives it the statistics;
  /// without one, warnings go to the log. Throws Error(kInput) for an unreadable one, Error(kModel)
  /// for one without a tower.
  std::vector<float> encode(const std::vector<Input>& inputs, InputReport* report = nullptr) const;
  /// (texts, n_embd). Throws Error(kModel) without a text tower.
  std::vector<float> encode_texts(std::span<const std::string> texts) const;

 private:
  /// An input that the cache doesn't know.
  struct NewInput {
    std::size_t row;                 ///< of the result
    std::optional<std::string> key;  ///< to remember it by; nothing: not to be remembered
    std::optional<FileStamp> stamp;  ///< of its file before it was read
    std::vector<float> statistics;
  };

  /// What one call waits for.
  struct Request {
    std::span<TowerInput> inputs;
    std::vector<float> rows = {};  // (inputs, n_embd)
    bool is_done = false;          // guarded by mutex_, as the others
    std::exception_ptr failure = {};
  };

  void require_tower(Modality modality) const;
  void name_encoder() const;
  /// (inputs, n_embd): encoded together with what other threads ask for. Uses `inputs` up.
  std::vector<float> encode_together(std::span<TowerInput> inputs) const;
  /// Gives each request its rows, or what went wrong.
  void encode_batch(std::span<Request* const> batch) const;

  std::string model_name_;
  mutable EmbeddingCache cache_;  // before the encoders, which ask it
  mutable std::mutex mutex_;
  mutable Encoders encoders_;  // computes one call at a time
  mutable std::mutex waiting_mutex_;
  mutable std::vector<Request*> waiting_;
  InputLimits limits_;
  MediaTransforms transforms_;
  int n_embd_ = 0;
  std::vector<Modality> modalities_;
};

}  // namespace pandagpt
