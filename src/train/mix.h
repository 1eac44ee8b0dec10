// Keys of random streams: one from two others.
#pragma once

#include <cstdint>

namespace pandagpt::train {

/// A well mixed number of both (the finaliser of splitmix64, Steele et al. 2014).
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15ULL + b;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace pandagpt::train
