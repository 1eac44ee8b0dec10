// How well two senses are bound: zero-shot accuracy and retrieval.
#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "embed/pairs.h"
#include "train/bind/sides.h"

namespace pandagpt::train {

struct BindScore {
  double loss = 0;  ///< nats a pair, in batches of kScoreBatch in the list's order
  /// "accuracy" of the list's labels; or, without labels, "recall_at_1", "_5", "_10" of finding b
  /// by a, and "reverse_recall_at_1", .. of finding a by b. Shares of 1.
  std::map<std::string, double> values = {};

  /// The accuracy, or the mean of the two recalls at 1, 5 and 10.
  double quality() const;
};

inline constexpr std::int64_t kScoreBatch = 128;

/// `log_scale` as info_nce's. Inputs are embedded as at inference; a label is the mean direction of
/// its templates.
BindScore score(const PairList& list, const Side& a, const Side& b, const torch::Tensor& log_scale);

/// Share of rows of `similarity` (queries, candidates) among whose k highest candidates is one of
/// `right[query]`.
double recall_at(const torch::Tensor& similarity,
                 const std::vector<std::vector<std::int64_t>>& right, std::int64_t k);

}  // namespace pandagpt::train
