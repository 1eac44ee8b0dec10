// Which class was taken for which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "eval/interval.h"

namespace pandagpt {

struct Confusion {
  std::vector<std::string> labels;
  std::vector<std::int64_t> counts;  ///< (labels, labels): rows are right, columns chosen

  explicit Confusion(std::vector<std::string> names)
      : labels(std::move(names)), counts(labels.size() * labels.size()) {}

  void add(std::size_t right, std::size_t chosen) { ++counts[right * labels.size() + chosen]; }
  std::int64_t count(std::size_t right, std::size_t chosen) const {
    return counts[right * labels.size() + chosen];
  }
  /// Inputs whose right class it is.
  std::int64_t n_of(std::size_t right) const;
  std::int64_t n_total() const;
  std::int64_t n_right() const;
  /// Mean of the share of each class that occurs: what accuracy would be with equally many of all.
  double mean_recall() const;
};

}  // namespace pandagpt
