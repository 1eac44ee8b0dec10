// What happens to an embedding after its tower.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace pandagpt {

/// Scales a vector to the given Euclidean length; a zero vector stays zero
/// (torch.nn.functional.normalize).
inline void scale_to_length(std::span<float> row, float length) {
  double squares = 0;
  for (const float value : row)
    squares += double{value} * value;
  const auto factor = static_cast<float>(length / std::max(std::sqrt(squares), 1e-12));
  for (float& value : row)
    value *= factor;
}

/// (n_inputs, n_views, width) -> (n_inputs, width), the mean over the views.
inline std::vector<float> mean_over_views(std::span<const float> rows, int n_inputs, int n_views,
                                          int width) {
  std::vector<float> means;
  means.reserve(std::size_t(n_inputs) * width);
  for (int i = 0; i < n_inputs; ++i) {
    const float* views = rows.data() + std::size_t(i) * n_views * width;
    for (int j = 0; j < width; ++j) {
      double sum = 0;
      for (int view = 0; view < n_views; ++view)
        sum += views[std::size_t(view) * width + j];
      means.push_back(static_cast<float>(sum / n_views));
    }
  }
  return means;
}

}  // namespace pandagpt
