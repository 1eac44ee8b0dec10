#include "train/bind/step_order.h"

#include <algorithm>
#include <numeric>

#include "train/random.h"

namespace pandagpt::train {

StepOrder::StepOrder(std::vector<std::int64_t> sizes, std::vector<double> weights,
                     std::int64_t batch_size, std::uint64_t seed)
    : sizes_(std::move(sizes)),
      weights_(std::move(weights)),
      batch_size_(batch_size),
      seed_(seed),
      n_steps_(sizes_.size()),
      passes_(sizes_.size()) {}

std::size_t StepOrder::list_of(std::int64_t step) const {
  Random random(mix(seed_, static_cast<std::uint64_t>(step)));
  double left = uniform(random, 0, 1);
  for (std::size_t list = 0; list + 1 < weights_.size(); ++list) {
    left -= weights_[list];
    if (left < 0) return list;
  }
  return weights_.size() - 1;
}

std::int64_t StepOrder::batch_of(std::size_t list) const {
  return std::min(batch_size_, sizes_[list]);
}

std::int64_t StepOrder::pair_at(std::size_t list, std::int64_t place) {
  Pass& pass = passes_[list];
  if (const std::int64_t number = place / sizes_[list]; pass.number != number) {
    pass.number = number;
    pass.order.resize(static_cast<std::size_t>(sizes_[list]));
    std::iota(pass.order.begin(), pass.order.end(), 0);
    Random random(mix(mix(seed_, list + 1), static_cast<std::uint64_t>(number)));
    for (std::int64_t i = sizes_[list] - 1; i > 0; --i)
      std::swap(pass.order[i], pass.order[below(random, i + 1)]);
  }
  return pass.order[place % sizes_[list]];
}

StepOrder::Step StepOrder::at(std::int64_t step) {
  for (; next_step_ < step; ++next_step_)
    ++n_steps_[list_of(next_step_)];
  Step result{.list = list_of(step)};
  const std::int64_t size = batch_of(result.list);
  const std::int64_t first = n_steps_[result.list] * size;
  for (std::int64_t i = 0; i < size; ++i)
    result.pairs.push_back(pair_at(result.list, first + i));
  return result;
}

}  // namespace pandagpt::train
