// Random numbers that are a function of where they are used, so that a resumed run draws the same
// ones and nothing of a generator has to be kept.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

#include "train/mix.h"

namespace pandagpt::train {

/// std::mt19937_64's numbers are the same everywhere; the standard's distributions are not.
using Random = std::mt19937_64;

/// Uniform in [low, high).
inline double uniform(Random& random, double low, double high) {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  return low + (high - low) * static_cast<double>(random() >> 11) * kScale;
}

/// A whole number, uniform in [0, n).
inline std::int64_t below(Random& random, std::int64_t n) {
  return static_cast<std::int64_t>(uniform(random, 0, static_cast<double>(n)));
}

/// Mean 0, variance 1 (Box and Muller).
inline double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(random, 0, 1)));
  return radius * std::cos(2 * std::numbers::pi * uniform(random, 0, 1));
}

}  // namespace pandagpt::train
