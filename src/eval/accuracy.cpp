#include "eval/accuracy.h"

#include <algorithm>
#include <cmath>

namespace pandagpt {

bool in_top_k(std::span<const float> logits, int label, int k) {
  const float own = logits[static_cast<std::size_t>(label)];
  const auto not_below = std::ranges::count_if(logits, [own](float x) { return !(x <= own); });
  return not_below < k;
}

Interval wilson_interval(std::int64_t hits, std::int64_t trials) {
  if (trials <= 0) return {0, 1};
  constexpr double kZ = 1.959963984540054;  // the 97.5 % point of the normal distribution
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(hits) / n;
  const double scale = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / scale;
  const double half = kZ / scale * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace pandagpt
