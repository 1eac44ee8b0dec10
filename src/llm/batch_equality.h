// Whether several positions that are evaluated at once get the same bits as one by one.
#pragma once

#include <cstddef>
#include <limits>
#include <set>
#include <utility>

namespace pandagpt {

/// What trials have shown, for one context. Many kernels sum in another order when there are more
/// rows (llamafile's matrix products, repacked weights); rounded to int8 further on, the last digit
/// becomes another answer. Which kernels run depends on the machine, the weights' types, the number
/// of rows and, in attention, the number of positions, so it is tried and not assumed.
class BatchEquality {
 public:
  /// The most rows, at most `n_rows`, that may be evaluated at once: known to be equal, or worth a
  /// trial. One of a few numbers, so that there are few trials; 1: none.
  std::size_t usable(std::size_t n_rows) const;

  /// Whether a trial with this many rows has shown them equal.
  bool is_equal(std::size_t n_rows, std::size_t n_positions) const;

  /// Records a trial: equal, and worth it. After a failed one, as many rows and more are not tried
  /// again.
  void record_trial(std::size_t n_rows, std::size_t n_positions, bool usable);

 private:
  std::size_t limit_ = std::numeric_limits<std::size_t>::max();
  std::set<std::pair<std::size_t, std::size_t>> equal_;  // rows, and the span of their positions
};

}  // namespace pandagpt
