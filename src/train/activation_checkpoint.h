// Memory for time: a block's activations are computed again in the backward pass.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace pandagpt::train {

/// block(x), of which only x is kept. The backward pass runs `block` once more, so it has to give
/// the same result each time. `parameters` are all leaf tensors that it uses and that want a
/// gradient; what else it refers to must outlive the backward pass.
torch::Tensor checkpointed(std::function<torch::Tensor(const torch::Tensor&)> block,
                           const torch::Tensor& x, std::vector<torch::Tensor> parameters);

}  // namespace pandagpt::train
