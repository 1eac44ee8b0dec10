// The loss that binds two senses: InfoNCE over the pairs of a batch (Girdhar et al., "ImageBind",
// arXiv:2305.05665, section 3.2), in both directions.
//
// Letters: N pairs of a batch, J width of the joint space.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "embed/pairs.h"

namespace pandagpt::train {

/// The first sides of two pairs mixed (Zhang et al., "mixup", arXiv:1710.09412): pair i's input is
/// share * its own + (1 - share) * that of pair `partner`.
struct Mixed {
  std::vector<std::int64_t> partner;  ///< (N), or empty: nothing is mixed
  std::vector<float> share;           ///< (N), in (0, 1]
};

/// What row i (a first side) and column j (a second side) are to each other, (N, N) each.
struct PairTargets {
  torch::Tensor weight;  ///< float32: the share of row i that belongs to column j; rows sum to 1
  torch::Tensor hidden;  ///< bool: masked out of the loss: another pair of the same thing
};
PairTargets pair_targets(const std::vector<PairIdentity>& pairs, const Mixed& mixed = {});

struct ContrastiveLoss {
  torch::Tensor loss;       ///< (), nats; differentiable
  std::int64_t n_hits = 0;  ///< rows whose likeliest column is the one of the largest weight
};

/// Mean of the two directions' cross entropy. a, b (N, J) of any length; `log_scale` () is the
/// logarithm of 1 / temperature. A column's targets are its weights, brought to sum 1.
ContrastiveLoss info_nce(const torch::Tensor& a, const torch::Tensor& b,
                         const torch::Tensor& log_scale, const PairTargets& targets);

/// Embeds a part [begin, begin + count) of a batch, (count, J); differentiable. To be the same when
/// it is called again.
using EmbedPart = std::function<torch::Tensor(std::int64_t begin, std::int64_t count)>;

/// One side of a step.
struct BatchSide {
  EmbedPart embed;
  bool trained = true;  ///< false: no gradient flows into it
};

/// The loss of a whole batch of n pairs with its gradients added to the parameters, in the memory
/// of `part` pairs: gradient caching (Gao et al., arXiv:2101.06983). Embeddings are computed
/// without their activations, then the loss's gradient for them, then each part again, with
/// activations. With part >= n everything is computed once. `loss` maps (a, b) to the loss.
ContrastiveLoss backward_in_parts(
    std::int64_t n, std::int64_t part, const BatchSide& a, const BatchSide& b,
    const std::function<ContrastiveLoss(const torch::Tensor&, const torch::Tensor&)>& loss);

}  // namespace pandagpt::train
