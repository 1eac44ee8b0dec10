// Retrieval: how far up the right thing stands among all that could be meant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/interval.h"

namespace pandagpt {

/// A query's right candidates, and the item of the test set that it belongs to: the five captions
/// of a picture belong to one.
struct RetrievalQuery {
  std::vector<std::size_t> right = {};
  std::size_t item = 0;
};

/// (queries, width) times (candidates, width) -> (queries, candidates), scalar products.
std::vector<float> similarities(std::span<const float> queries, std::span<const float> candidates,
                                std::size_t width);
/// (rows, columns) -> (columns, rows).
std::vector<float> transposed(std::span<const float> matrix, std::size_t n_columns);

/// The rank of each query's best right candidate, from 1. A wrong candidate that scores the same as
/// it counts as before it, and so does one that scores NaN: a model for which all inputs are alike
/// finds nothing. `similarity` is (queries, candidates). Throws Error(kUsage) for other sizes, or a
/// query without a right candidate.
std::vector<std::size_t> right_ranks(std::span<const float> similarity,
                                     std::span<const RetrievalQuery> queries);

inline constexpr std::size_t kRecallRanks[] = {1, 5, 10};

/// Share of queries whose right candidate is among the first k, with a 95 % interval from
/// resampling the items (Recall@k as in Karpathy and Fei-Fei, arXiv:1412.2306, section 4.1).
struct Recall {
  std::size_t k = 0;
  double value = 0;
  Interval interval;
};
/// At each of kRecallRanks. `ranks` is (queries).
std::vector<Recall> recalls(std::span<const std::size_t> ranks,
                            std::span<const RetrievalQuery> queries, int rounds,
                            std::uint64_t seed);

}  // namespace pandagpt
