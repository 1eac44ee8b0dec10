#include "eval/interval.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "pandagpt/error.h"

namespace pandagpt {

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

Interval percentile_interval(std::vector<double>& samples) {
  std::ranges::sort(samples);
  const auto at = [&](double share) {
    const double last = static_cast<double>(samples.size()) - 1;
    return samples[static_cast<std::size_t>(std::lround(share * last))];
  };
  return {at(0.025), at(0.975)};
}

Interval bootstrap_interval(std::span<const ItemHits> items, int rounds, std::uint64_t seed) {
  if (items.empty() || rounds < 1)
    throw Error(ErrorKind::kUsage, "Bootstrap intervals need an item and at least one round");
  std::mt19937_64 random(seed);
  std::vector<double> shares;
  for (int round = 0; round < rounds; ++round) {
    ItemHits sum;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const ItemHits& drawn = items[random() % items.size()];
      sum.hits += drawn.hits;
      sum.trials += drawn.trials;
    }
    shares.push_back(
        sum.trials > 0 ? static_cast<double>(sum.hits) / static_cast<double>(sum.trials) : 0);
  }
  return percentile_interval(shares);
}

}  // namespace pandagpt
