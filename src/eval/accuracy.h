// Top-k accuracy of a classifier.
#pragma once

#include <cstdint>
#include <span>

#include "eval/caption_metrics.h"

namespace pandagpt {

/// Whether fewer than k classes score higher than `label` does. A score equal to the label's counts
/// as lower, a NaN as higher.
bool in_top_k(std::span<const float> logits, int label, int k);

/// 95 % interval of a share of `hits` among `trials` (Wilson's score interval).
Interval wilson_interval(std::int64_t hits, std::int64_t trials);

}  // namespace pandagpt
