#include "llm/batch_equality.h"

#include <algorithm>
#include <array>

namespace pandagpt {
namespace {

// llama.cpp pads what attention looks at to this many positions; its kernels may change there.
constexpr std::size_t kPositionsPerTrial = 256;
// Kernels for blocks of rows begin at four: three may be equal where five are not.
constexpr std::array<std::size_t, 5> kRows{25, 17, 9, 5, 3};
constexpr std::size_t kMostRowsBelowBlocks = 3;

std::size_t span_of(std::size_t n_positions) {
  return n_positions / kPositionsPerTrial;
}

}  // namespace

std::size_t BatchEquality::usable(std::size_t n_rows) const {
  const auto* const usable = std::ranges::find_if(
      kRows, [&](std::size_t rows) { return rows <= std::min(n_rows, limit_); });
  return usable == kRows.end() ? 1 : *usable;
}

bool BatchEquality::is_equal(std::size_t n_rows, std::size_t n_positions) const {
  return equal_.contains({n_rows, span_of(n_positions)});
}

void BatchEquality::record_trial(std::size_t n_rows, std::size_t n_positions, bool usable) {
  if (usable)
    equal_.emplace(n_rows, span_of(n_positions));
  else
    limit_ = std::min({limit_, kMostRowsBelowBlocks, n_rows - 1});
}

}  // namespace pandagpt
