// Inputs of every kind -> embeddings in the joint space: decoding, preprocessing, tower.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoders/encoders.h"
#include "pandagpt/panda.h"
#include "pipeline/media_tensor.h"

namespace pandagpt {

/// May be used by several threads at once; they decode side by side and encode one after another.
class InputEncoder {
 public:
  /// `model_name` stands in error messages. Throws Error(kModel) if the file can't be used.
  InputEncoder(const std::filesystem::path& path, const EncoderOptions& options,
               std::string model_name);

  int n_embd() const { return n_embd_; }
  /// What the file has towers for.
  const std::vector<Modality>& modalities() const { return modalities_; }
  bool takes(Modality modality) const;
  bool takes_text() const;
  const std::string& fingerprint() const;

  /// (inputs, n_embd), row-major. All inputs are checked and decoded before any is encoded.
  /// Throws Error(kInput) for an unreadable one, Error(kModel) for one without a tower.
  std::vector<float> encode(const std::vector<Input>& inputs) const;
  /// (texts, n_embd). Throws Error(kModel) without a text tower.
  std::vector<float> encode_texts(std::span<const std::string> texts) const;

 private:
  void require_tower(Modality modality) const;
  std::vector<float> encode_prepared(std::span<const Input> inputs,
                                     std::vector<PreparedInput> prepared) const;

  std::string model_name_;
  mutable std::mutex mutex_;
  mutable Encoders encoders_;  // computes one call at a time
  MediaTransforms transforms_;
  int n_embd_ = 0;
  std::vector<Modality> modalities_;
};

}  // namespace pandagpt
