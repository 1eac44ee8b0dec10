// Arithmetic of embeddings.
#pragma once

#include <span>
#include <vector>

#include "pandagpt/panda.h"

namespace pandagpt {

double length_of(std::span<const float> row);
/// A row of zeros stays as it is.
void bring_to_length_one(std::span<float> row);

/// (n_inputs, width) -> (width): the rows, each brought to length 1 and times its input's weight,
/// are summed; the sum is brought to length 1. Throws Error(kUsage) for a weight that is not
/// finite.
std::vector<float> weighted_direction(std::span<const float> rows, const Inputs& inputs);

}  // namespace pandagpt
