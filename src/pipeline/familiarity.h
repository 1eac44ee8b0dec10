// How much an input is like those that a model has learned from.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "pandagpt/input.h"

namespace pandagpt {

/// Two measures for each kind of input (tools/train/unsure.py fits both), since neither a lexicon's
/// nor a classifier's certainty tells noise from a siren:
/// - a direction of the joint space between training inputs and strange ones;
/// - a mixture of Gaussians of the signal's statistics (preprocess/statistics.h) of training inputs
///   alone, for towers that embed noise among what they know.
/// Tensors of the GGUF file, N Gaussians of S statistics x, shapes slowest dimension first:
///   familiarity.KIND.weight (n_in), .bias (1)    weight * e / |e| + bias of an embedding e
///   familiarity.KIND.mean (N, S), .whitening (N, S, S), .log_weight (N)
///       log of the sum over i of exp(log_weight_i - |whitening_i (x - mean_i)|^2 / 2)
/// A kind has one of the two or both. Const after loading.
class Familiarity {
 public:
  /// `n_statistics` of each kind of input. Throws Error(kModel) if the file has no kind of input,
  /// or a tensor is of another size.
  Familiarity(const std::filesystem::path& path, int n_in,
              const std::function<int(Modality)>& n_statistics);

  /// The smaller of the measures: larger for what is familiar. Nothing for a kind that the file
  /// doesn't have; a film is measured as a picture is, unless the file has films.
  std::optional<float> score(Modality modality, std::span<const float> embedding,
                             std::span<const float> statistics) const;

 private:
  struct Direction {
    std::vector<float> weight;  // (n_in)
    float bias = 0;
  };
  struct Mixture {
    std::vector<float> mean;        // (N, S)
    std::vector<float> whitening;   // (N, S, S)
    std::vector<float> log_weight;  // (N)
  };
  struct Measures {
    std::optional<Direction> direction;
    std::optional<Mixture> mixture;
  };

  static float along(const Direction& direction, std::span<const float> embedding);
  static float density(const Mixture& mixture, std::span<const float> statistics);

  std::map<Modality, Measures> measures_;
};

/// The kind whose thresholds hold for `modality` where it has none itself: films are as pictures.
Modality judged_as(Modality modality);

}  // namespace pandagpt
