// Numbers for the tests of kernels.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace pandagpt::test {

/// Normal numbers of mean 0, the same for a seed.
inline std::vector<float> normal_values(std::size_t count, unsigned seed, float deviation = 1.0F) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> values(count);
  for (float& value : values)
    value = normal(generator);
  return values;
}

}  // namespace pandagpt::test
