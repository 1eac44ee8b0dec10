// Inputs of every kind -> embeddings in the joint space: decoding, preprocessing, tower.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "encoders/encoders.h"
#include "pandagpt/panda.h"

namespace pandagpt {

/// May be used by several threads at once; they encode one after another.
class InputEncoder {
 public:
  /// `model_name` stands in error messages. Throws Error(kModel) if the file can't be used.
  InputEncoder(const std::filesystem::path& path, int n_threads, std::string model_name);

  int n_embd() const { return n_embd_; }
  /// What the file has towers for.
  const std::vector<Modality>& modalities() const { return modalities_; }

  /// (inputs, n_embd), row-major. All inputs are checked and decoded before any is encoded.
  /// Throws Error(kInput) for an unreadable one, Error(kModel) for one without a tower.
  std::vector<float> encode(const std::vector<Input>& inputs) const;

 private:
  void require_tower(Modality modality) const;

  std::string model_name_;
  mutable std::mutex mutex_;
  mutable Encoders encoders_;  // computes one call at a time
  int n_embd_ = 0;
  std::vector<Modality> modalities_;
};

}  // namespace pandagpt
