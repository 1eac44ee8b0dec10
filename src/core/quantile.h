// Quantiles of numbers that need no order of their own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace pandagpt {

/// What lies at `share` (0 to 1) of the sorted values, which are reordered; there is at least one.
template <typename Value>
Value quantile_of(std::span<Value> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(std::llround(share * double(values.size() - 1)));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

inline double median_of(std::vector<double> values) {
  return quantile_of(std::span(values), 0.5);
}

}  // namespace pandagpt
