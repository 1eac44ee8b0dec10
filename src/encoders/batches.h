// Large requests are computed in parts.
#pragma once

#include <algorithm>
#include <vector>

namespace pandagpt {

/// Joins what `compute` gives for (first, count) of n inputs, at most `max_batch` at a time.
template <typename Compute>
std::vector<float> in_batches(int n, int max_batch, const Compute& compute) {
  std::vector<float> result;
  for (int begin = 0; begin < n; begin += max_batch) {
    const std::vector<float> rows = compute(begin, std::min(max_batch, n - begin));
    result.insert(result.end(), rows.begin(), rows.end());
  }
  return result;
}

}  // namespace pandagpt
