#include "pipeline/embedding_math.h"

#include <cmath>

#include "pandagpt/error.h"

namespace pandagpt {

double length_of(std::span<const float> row) {
  double squares = 0;
  for (const float value : row)
    squares += double{value} * value;
  return std::sqrt(squares);
}

void bring_to_length_one(std::span<float> row) {
  const double length = length_of(row);
  if (length == 0) return;
  for (float& value : row)
    value = static_cast<float>(value / length);
}

std::vector<float> weighted_direction(std::span<const float> rows, const Inputs& inputs) {
  const std::size_t n_inputs = inputs.items().size();
  const std::size_t width = n_inputs == 0 ? 0 : rows.size() / n_inputs;
  std::vector<float> sum(width);
  for (std::size_t i = 0; i < n_inputs; ++i) {
    const Input& input = inputs.items()[i];
    if (!std::isfinite(input.weight))
      throw Error(ErrorKind::kUsage, input.name + ": the weight must be a finite number");
    const std::span<const float> row = rows.subspan(i * width, width);
    const double length = length_of(row);
    for (std::size_t j = 0; j < width && length > 0; ++j)
      sum[j] += static_cast<float>(input.weight * row[j] / length);
  }
  bring_to_length_one(sum);
  return sum;
}

}  // namespace pandagpt
