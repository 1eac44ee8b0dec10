#include "train/bind/trainable.h"

#include <torch/torch.h>

namespace pandagpt::train {

using torch::Tensor;

Noise Noise::narrow(std::int64_t begin, std::int64_t count) const {
  const auto part = [&](const Tensor& all) {
    return all.defined() ? all.narrow(0, begin, count) : Tensor();
  };
  return {part(drop_path), part(head_dropout), part(kept_patches)};
}

Tensor dropout_factors(std::int64_t n, std::int64_t width, double p, Random& random) {
  if (p <= 0) return {};
  Tensor factors = torch::empty({n, width});
  const auto kept = static_cast<float>(1 / (1 - p));
  float* values = factors.data_ptr<float>();
  for (std::int64_t i = 0; i < n * width; ++i)
    values[i] = uniform(random, 0, 1) < p ? 0.0F : kept;
  return factors;
}

}  // namespace pandagpt::train
