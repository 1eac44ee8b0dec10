#include "train/bind/contrastive.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>

namespace pandagpt::train {
namespace {

using torch::Tensor;

/// Cross entropy of each row of logits with the weights, (rows); what is hidden isn't there.
Tensor row_losses(const Tensor& logits, const Tensor& weight, const Tensor& hidden) {
  const Tensor seen = logits.masked_fill(hidden, -std::numeric_limits<float>::infinity());
  const Tensor log_shares = torch::log_softmax(seen, 1).masked_fill(hidden, 0);
  return -(weight * log_shares).sum(1);
}

/// All of one side, part by part.
Tensor embed_all(const BatchSide& side, std::int64_t n, std::int64_t part) {
  std::vector<Tensor> parts;
  for (std::int64_t begin = 0; begin < n; begin += part)
    parts.push_back(side.embed(begin, std::min(part, n - begin)));
  return torch::cat(parts);
}

}  // namespace

PairTargets pair_targets(const std::vector<PairIdentity>& pairs, const Mixed& mixed) {
  const auto n = static_cast<std::int64_t>(pairs.size());
  PairTargets targets{torch::zeros({n, n}), torch::zeros({n, n}, torch::kBool)};
  auto weight = targets.weight.accessor<float, 2>();
  auto hidden = targets.hidden.accessor<bool, 2>();
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t other = mixed.partner.empty() ? i : mixed.partner[i];
    const float share =
        mixed.partner.empty() || pairs[i].same_as(pairs[other]) ? 1.0F : mixed.share[i];
    weight[i][i] = share;
    if (share < 1) weight[i][other] = 1 - share;
    for (std::int64_t j = 0; j < n; ++j)
      hidden[i][j] = weight[i][j] == 0 &&
                     (pairs[j].same_as(pairs[i]) || (share < 1 && pairs[j].same_as(pairs[other])));
  }
  return targets;
}

ContrastiveLoss info_nce(const Tensor& a, const Tensor& b, const Tensor& log_scale,
                         const PairTargets& targets) {
  const auto direction = [](const Tensor& x) {
    return torch::nn::functional::normalize(x,
                                            torch::nn::functional::NormalizeFuncOptions().dim(1));
  };
  const Tensor logits = log_scale.exp() * torch::mm(direction(a), direction(b).t());
  const Tensor columns = targets.weight.t() / targets.weight.sum(0).unsqueeze(1);
  const Tensor loss = (row_losses(logits, targets.weight, targets.hidden).mean() +
                       row_losses(logits.t(), columns, targets.hidden.t()).mean()) /
                      2;
  const torch::NoGradGuard no_grad;
  const Tensor likeliest =
      logits.masked_fill(targets.hidden, -std::numeric_limits<float>::infinity()).argmax(1);
  return {loss, likeliest.eq(targets.weight.argmax(1)).sum().item<std::int64_t>()};
}

ContrastiveLoss backward_in_parts(
    std::int64_t n, std::int64_t part, const BatchSide& a, const BatchSide& b,
    const std::function<ContrastiveLoss(const Tensor&, const Tensor&)>& loss) {
  if (part <= 0 || part >= n) {
    const ContrastiveLoss result = loss(a.embed(0, n), b.embed(0, n));
    result.loss.backward();
    return result;
  }
  const BatchSide* sides[] = {&a, &b};
  std::vector<Tensor> embeddings;
  for (const BatchSide* side : sides) {
    const torch::NoGradGuard no_grad;
    embeddings.push_back(embed_all(*side, n, part));
  }
  for (int i = 0; i < 2; ++i)
    embeddings[i].requires_grad_(sides[i]->trained);
  const ContrastiveLoss result = loss(embeddings[0], embeddings[1]);
  result.loss.backward();  // also the temperature's gradient
  for (int i = 0; i < 2; ++i) {
    if (!sides[i]->trained) continue;
    for (std::int64_t begin = 0; begin < n; begin += part) {
      const std::int64_t count = std::min(part, n - begin);
      sides[i]->embed(begin, count).backward(embeddings[i].grad().narrow(0, begin, count));
    }
  }
  return result;
}

}  // namespace pandagpt::train
