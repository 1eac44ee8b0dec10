// Top-k accuracy of a classifier.
#pragma once

#include <span>

namespace pandagpt {

/// Whether fewer than k classes score higher than `label` does. A score equal to the label's counts
/// as lower, a NaN as higher.
bool in_top_k(std::span<const float> logits, int label, int k);

}  // namespace pandagpt
