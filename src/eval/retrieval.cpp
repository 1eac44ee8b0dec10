#include "eval/retrieval.h"

#include <algorithm>

#include "pandagpt/error.h"

namespace pandagpt {

std::vector<float> transposed(std::span<const float> matrix, std::size_t n_columns) {
  const std::size_t n_rows = matrix.size() / n_columns;
  std::vector<float> result(matrix.size());
  for (std::size_t row = 0; row < n_rows; ++row)
    for (std::size_t column = 0; column < n_columns; ++column)
      result[column * n_rows + row] = matrix[row * n_columns + column];
  return result;
}

std::vector<float> similarities(std::span<const float> queries, std::span<const float> candidates,
                                std::size_t width) {
  const std::size_t n_queries = queries.size() / width, n_candidates = candidates.size() / width;
  const std::vector<float> by_column = transposed(candidates, width);
  std::vector<float> result(n_queries * n_candidates);
  // Sums run beside each other, not into one: this vectorises without reordering any of them.
  for (std::size_t query = 0; query < n_queries; ++query) {
    float* sums = result.data() + query * n_candidates;
    for (std::size_t at = 0; at < width; ++at) {
      const float factor = queries[query * width + at];
      const float* column = by_column.data() + at * n_candidates;
      for (std::size_t i = 0; i < n_candidates; ++i)
        sums[i] += factor * column[i];
    }
  }
  return result;
}

std::vector<std::size_t> right_ranks(std::span<const float> similarity,
                                     std::span<const RetrievalQuery> queries) {
  if (queries.empty() || similarity.size() % queries.size() != 0)
    throw Error(ErrorKind::kUsage, "The similarities aren't a row for each query");
  const std::size_t n_candidates = similarity.size() / queries.size();
  std::vector<std::size_t> ranks;
  for (std::size_t query = 0; query < queries.size(); ++query) {
    const std::span<const float> row = similarity.subspan(query * n_candidates, n_candidates);
    const std::vector<std::size_t>& right = queries[query].right;
    if (right.empty() || std::ranges::max(right) >= n_candidates)
      throw Error(ErrorKind::kUsage, "A query needs right candidates among those that are there");
    const float best =
        row[std::ranges::max(right, {}, [&](std::size_t candidate) { return row[candidate]; })];
    const auto not_below = [best](float score) { return !(score < best); };
    const auto wrong_before = std::ranges::count_if(row, not_below) -
                              std::ranges::count_if(right, not_below, [&](std::size_t candidate) {
                                return row[candidate];
                              });
    ranks.push_back(static_cast<std::size_t>(wrong_before) + 1);
  }
  return ranks;
}

std::vector<Recall> recalls(std::span<const std::size_t> ranks,
                            std::span<const RetrievalQuery> queries, int rounds,
                            std::uint64_t seed) {
  const std::size_t n_items =
      queries.empty() ? 0 : std::ranges::max(queries, {}, &RetrievalQuery::item).item + 1;
  std::vector<Recall> result;
  for (const std::size_t k : kRecallRanks) {
    std::vector<ItemHits> items(n_items);
    std::int64_t n_found = 0;
    for (std::size_t query = 0; query < queries.size(); ++query) {
      ItemHits& item = items[queries[query].item];
      const bool found = ranks[query] <= k;
      item.hits += found ? 1 : 0;
      ++item.trials;
      n_found += found ? 1 : 0;
    }
    result.push_back({k, static_cast<double>(n_found) / static_cast<double>(queries.size()),
                      bootstrap_interval(items, rounds, seed)});
  }
  return result;
}

}  // namespace pandagpt
