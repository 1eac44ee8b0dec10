#include "train/torch_ops.h"

#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <vector>

namespace pandagpt::train {
namespace {

using torch::Tensor;

int n_forced = 0;

/// Which keys each query of a tree sees: its own segment's past, and the prefix. (L, L) bool.
Tensor visible(const SegmentTree& tree, torch::Device device) {
  Tensor mask = torch::zeros({tree.length, tree.length}, torch::kBool);
  for (const Segment& s : tree.segments) {
    const Tensor rows = mask.narrow(0, s.begin - tree.begin, s.length);
    rows.narrow(1, s.begin - tree.begin, s.length)
        .copy_(torch::ones({s.length, s.length}, torch::kBool).tril());
    if (s.prefix_length > 0)
      rows.narrow(1, s.prefix_begin - tree.begin, s.prefix_length).fill_(true);
  }
  return mask.to(device);
}

/// x (T, heads, D) float32, pairs (2 i, 2 i + 1) turned by cos and sin (T, 1, D / 2).
Tensor rotated(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const Tensor pairs = x.view({x.size(0), x.size(1), -1, 2});
  const Tensor a = pairs.select(3, 0);
  const Tensor b = pairs.select(3, 1);
  return torch::stack({a * cos - b * sin, a * sin + b * cos}, 3).view(x.sizes());
}

int32_t bits(uint32_t value) {
  return static_cast<int32_t>(value);
}

/// Logical shift: int32 tensors shift their sign in.
Tensor shifted(const Tensor& x, int n) {
  return x.bitwise_right_shift(torch::Scalar(n)).bitwise_and(bits((1U << (32 - n)) - 1));
}

/// The hash of kernels_impl.cpp on int32, whose products keep the same low 32 bits.
Tensor hashed(const Tensor& index, uint64_t key) {
  Tensor h = index * bits(0x9E3779B1U) + bits(static_cast<uint32_t>(key));
  h = h.bitwise_xor(shifted(h, 16)) * bits(0x85EBCA6BU);
  h = h.bitwise_xor(shifted(h, 13)) * bits(0xC2B2AE35U);
  h = h.bitwise_xor(bits(static_cast<uint32_t>(key >> 32)));
  h = h.bitwise_xor(shifted(h, 16)) * bits(0x7FEB352DU);
  return h.bitwise_xor(shifted(h, 15));
}

}  // namespace

bool runs_on_torch(const Tensor& x) {
  return !x.is_cpu() || n_forced > 0;
}

ForceTorchOps::ForceTorchOps() {
  ++n_forced;
}
ForceTorchOps::~ForceTorchOps() {
  --n_forced;
}

namespace torch_ops {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, torch::ScalarType compute) {
  return (x * torch::rsqrt(x.square().mean(1, true) + eps) * weight).to(compute);
}

Tensor swiglu(const Tensor& gate_up) {
  const std::vector<Tensor> halves = gate_up.to(torch::kFloat32).chunk(2, 1);
  return (torch::silu(halves[0]) * halves[1]).to(gate_up.scalar_type());
}

Tensor dropped(const Tensor& x, float p, uint64_t key, int64_t first_row) {
  const torch::NoGradGuard no_grad;
  const auto first =
      static_cast<uint32_t>(static_cast<uint64_t>(first_row) * static_cast<uint64_t>(x.size(1)));
  const auto threshold = static_cast<uint32_t>(static_cast<double>(p) * 4294967296.0);
  const Tensor index = torch::arange(x.numel(), x.options().dtype(torch::kInt32)) + bits(first);
  // unsigned comparison of int32: both with the sign flipped
  const Tensor kept =
      hashed(index, key).bitwise_xor(bits(0x80000000U)).ge(bits(threshold ^ 0x80000000U));
  return (x.to(torch::kFloat32) * kept.view(x.sizes()) * (1.0F / (1.0F - p))).to(x.scalar_type());
}

Tensor attention(const Tensor& qkv, const SequenceLayout& layout, const RotaryTable& rotary,
                 const AttentionShape& shape) {
  const int64_t n_tokens = qkv.size(0);
  const int64_t n_rotated = shape.n_head + shape.n_head_kv;
  const Tensor positions = layout.positions.to(qkv.device());
  const Tensor cos = rotary.cos.index_select(0, positions).unsqueeze(1);
  const Tensor sin = rotary.sin.index_select(0, positions).unsqueeze(1);
  const Tensor heads = qkv.view({n_tokens, -1, shape.head_size});
  const Tensor turned =
      rotated(heads.narrow(1, 0, n_rotated).to(torch::kFloat32), cos, sin).to(qkv.scalar_type());
  const auto part = [&](const Tensor& all, int64_t first, int64_t n) {
    // (heads, T, D), keys and values once for each query head that they serve
    return all.narrow(1, first, n).transpose(0, 1).repeat_interleave(shape.n_head / n, 0);
  };
  const Tensor q = part(turned, 0, shape.n_head);
  const Tensor k = part(turned, shape.n_head, shape.n_head_kv);
  const Tensor v = part(heads, n_rotated, shape.n_head_kv);
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape.head_size));
  std::vector<Tensor> outputs;
  for (const SegmentTree& tree : layout.trees) {
    const auto of_tree = [&](const Tensor& all) { return all.narrow(1, tree.begin, tree.length); };
    Tensor scores = torch::matmul(of_tree(q), of_tree(k).transpose(1, 2)).to(torch::kFloat32);
    scores = (scores * scale)
                 .masked_fill(visible(tree, qkv.device()).logical_not(),
                              -std::numeric_limits<float>::infinity());
    outputs.push_back(torch::matmul(torch::softmax(scores, -1).to(qkv.scalar_type()), of_tree(v)));
  }
  return torch::cat(outputs, 1).transpose(0, 1).reshape({n_tokens, -1});
}

RowLosses row_losses(const Tensor& logits, const Tensor& targets, double scale, bool needs_grad) {
  const Tensor log_p = torch::log_softmax(logits, 1);
  const Tensor column = targets.unsqueeze(1);
  RowLosses result;
  result.loss = -log_p.gather(1, column).sum(torch::kFloat64).item<double>();
  result.n_correct = logits.argmax(1).eq(targets).sum().item<int64_t>();
  if (needs_grad)
    result.gradient =
        log_p.exp().scatter_add(1, column, torch::full_like(column, -1, log_p.options())) * scale;
  return result;
}

}  // namespace torch_ops
}  // namespace pandagpt::train
