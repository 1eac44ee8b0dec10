// How much an input is like those that a model has learned from.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "pandagpt/input.h"

namespace pandagpt {

/// One direction of the joint space for each kind of input, between those of training and strange
/// ones (tools/train/unsure.py): neither a lexicon's nor a classifier's certainty tells noise from
/// a siren. Tensors of the GGUF file: "familiarity.KIND.weight" (n_in), "familiarity.KIND.bias"
/// (1). Const after loading.
class Familiarity {
 public:
  /// Throws Error(kModel) if the file has no kind of input, or a tensor is of another size.
  Familiarity(const std::filesystem::path& path, int n_in);

  /// weight * e / |e| + bias of an embedding e: larger for what is familiar. Nothing for a kind
  /// that the file doesn't have.
  std::optional<float> score(Modality modality, std::span<const float> embedding) const;

 private:
  struct Direction {
    std::vector<float> weight;  // (n_in)
    float bias = 0;
  };
  std::map<Modality, Direction> directions_;
};

}  // namespace pandagpt
