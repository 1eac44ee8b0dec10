// Which pairs each step sees: a function of the seed and the step's number.
#pragma once

#include <cstdint>
#include <vector>

namespace pandagpt::train {

/// Steps go through the lists in turn at random, each list in an order that is drawn anew for every
/// pass. A step's pairs are all of one list.
class StepOrder {
 public:
  /// `sizes`: pairs of each list; `weights`: their shares of the steps.
  StepOrder(std::vector<std::int64_t> sizes, std::vector<double> weights, std::int64_t batch_size,
            std::uint64_t seed);

  struct Step {
    std::size_t list = 0;
    std::vector<std::int64_t> pairs = {};  ///< indices, batch_size of them or the whole list
  };
  /// Steps must be asked for in rising order; those between are passed over.
  Step at(std::int64_t step);

 private:
  std::size_t list_of(std::int64_t step) const;
  std::int64_t batch_of(std::size_t list) const;
  /// The pair at a place of the list's passes, one after the other.
  std::int64_t pair_at(std::size_t list, std::int64_t place);

  struct Pass {
    std::int64_t number = -1;
    std::vector<std::int64_t> order;
  };

  std::vector<std::int64_t> sizes_;
  std::vector<double> weights_;
  std::int64_t batch_size_;
  std::uint64_t seed_;
  std::int64_t next_step_ = 0;
  std::vector<std::int64_t> n_steps_;  // of each list so far
  std::vector<Pass> passes_;
};

}  // namespace pandagpt::train
