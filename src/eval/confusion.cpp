#include "eval/confusion.h"

#include <numeric>

namespace pandagpt {

std::int64_t Confusion::n_of(std::size_t right) const {
  const auto begin = counts.begin() + static_cast<std::ptrdiff_t>(right * labels.size());
  return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(labels.size()),
                         std::int64_t{0});
}

std::int64_t Confusion::n_total() const {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

std::int64_t Confusion::n_right() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    sum += count(i, i);
  return sum;
}

double Confusion::mean_recall() const {
  double sum = 0;
  int n_classes = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (n_of(i) == 0) continue;
    sum += static_cast<double>(count(i, i)) / static_cast<double>(n_of(i));
    ++n_classes;
  }
  return n_classes > 0 ? sum / n_classes : 0;
}

}  // namespace pandagpt
