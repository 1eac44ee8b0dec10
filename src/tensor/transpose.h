// Reordering of weights when a file is converted or loaded.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace pandagpt {

/// Transposes each of `count` row-major (rows, columns) matrices that lie behind each other.
inline std::vector<float> transpose_each(std::span<const float> values, std::size_t count,
                                         std::size_t rows, std::size_t columns) {
  std::vector<float> result(values.size());
  for (std::size_t m = 0; m < count; ++m)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c)
        result[(m * columns + c) * rows + r] = values[(m * rows + r) * columns + c];
  return result;
}

}  // namespace pandagpt
