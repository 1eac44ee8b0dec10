// Inputs of every kind -> embeddings in the joint space: decoding, preprocessing, tower.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/gathered_work.h"
#include "encoders/encoders.h"
#include "pandagpt/embedder.h"
#include "pandagpt/panda.h"
#include "pipeline/embedding_cache.h"
#include "pipeline/input_defaults.h"
#include "pipeline/media_tensor.h"

namespace pandagpt {

/// What happened to the inputs of one call.
struct EncodingReport {
  double ms = 0;                           ///< decoding, preprocessing, encoding, projecting
  int n_cached = 0;                        ///< inputs that had been encoded before
  std::vector<std::string> warnings = {};  ///< each begins with its input's name
  bool is_unsure = false;                  ///< see Answer
  /// MediaTensor::statistics, one a input of the last call.
  std::vector<std::vector<float>> statistics = {};
  /// Inputs of the last call that were warned of as empty (warn_no_content).
  int n_without_content = 0;
};

/// May be used by several threads at once: they decode and preprocess side by side, and what has
/// gathered while the encoders were busy is encoded in one batch.
class InputEncoder {
 public:
  /// `model_name` stands in error messages. `recorded_sha256` is believed to be the file's, empty
  /// if unknown. Throws Error(kModel) if the file can't be used.
  InputEncoder(const std::filesystem::path& path, const EncoderOptions& options,
               std::string model_name, EmbeddingCacheOptions cache = {},
               const std::string& recorded_sha256 = {}, const InputLimits& limits = {},
               const InputDefaults& defaults = {});

  int n_embd() const { return n_embd_; }
  /// What the file has towers for.
  const std::vector<Modality>& modalities() const { return modalities_; }
  bool takes(Modality modality) const;
  bool takes_text() const;
  /// How many EncodingReport::statistics a kind of input has.
  int n_statistics(Modality modality) const { return statistics_count(modality, transforms_); }
  const std::string& fingerprint() const;

  /// (inputs, n_embd), row-major. Inputs are decoded and encoded in parts, so that the memory taken
  /// doesn't grow with their number; those that the cache knows are neither decoded nor encoded.
  /// What is warned of isn't remembered, so that it is warned of again. Adds to `report` all but
  /// its time, and gives it the statistics; without one, warnings go to the log. Throws
  /// Error(kInput) for the first unreadable one, and, before any is read, Error(kModel) for one
  /// without a tower.
  std::vector<float> encode(const std::vector<Input>& inputs,
                            EncodingReport* report = nullptr) const;
  /// The same for each input by itself: see Embedder::embed_each.
  std::vector<EmbedResult> encode_each(const std::vector<Input>& inputs,
                                       EncodingReport* report = nullptr) const;
  /// (texts, n_embd). Throws Error(kModel) without a text tower.
  std::vector<float> encode_texts(std::span<const std::string> texts) const;
  /// See Embedder::embed_texts_each.
  std::vector<EmbedResult> encode_texts_each(std::span<const std::string> texts) const;

 private:
  class Job;

  void require_tower(Modality modality) const;
  void require_text_tower() const;
  void name_encoder() const;

  std::string model_name_;
  mutable EmbeddingCache cache_;  // before the encoders, which ask it
  mutable Encoders encoders_;     // computes one call at a time: only inside work_ or its pause
  mutable GatheredWork<TowerInput> work_;
  InputLimits limits_;
  MediaTransforms transforms_;
  int n_embd_ = 0;
  std::vector<Modality> modalities_;
};

}  // namespace pandagpt
