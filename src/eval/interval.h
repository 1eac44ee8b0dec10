// 95 % intervals of figures.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pandagpt {

struct Interval {
  double low = 0;
  double high = 0;
};

/// Of a share of `hits` among `trials` (Wilson's score interval). [0, 1] without trials.
Interval wilson_interval(std::int64_t hits, std::int64_t trials);

/// The 2.5 % and 97.5 % percentiles of what resamplings gave, at least one. Sorts `samples`.
Interval percentile_interval(std::vector<double>& samples);

/// How often each item of a test set was tried, and with what success: a picture with five
/// captions, say.
struct ItemHits {
  std::int64_t hits = 0;
  std::int64_t trials = 0;
};

/// Of the share of all hits among all trials, from `rounds` resamplings of the items. The same seed
/// gives the same interval. Throws Error(kUsage) without items or rounds.
Interval bootstrap_interval(std::span<const ItemHits> items, int rounds, std::uint64_t seed);

}  // namespace pandagpt
