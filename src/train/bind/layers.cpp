#include "train/bind/layers.h"

#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "train/matmul.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Linear : torch::autograd::Function<Linear> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, torch::ScalarType compute) {
    const Tensor rows = x.reshape({-1, x.size(-1)}).to(compute).contiguous();
    const Tensor factors = weight.to(compute);
    Tensor y = matmul(rows, factors.t(), torch::kFloat32);
    if (bias.defined()) y.add_(bias);
    ctx->save_for_backward({rows, factors});
    ctx->saved_data["has_bias"] = bias.defined();
    ctx->saved_data["needs_x"] = x.requires_grad();
    auto sizes = x.sizes().vec();
    sizes.back() = weight.size(0);
    return y.view(sizes);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& rows = saved[0];
    const Tensor& factors = saved[1];
    const Tensor dy = grads[0].reshape({-1, factors.size(0)}).contiguous();
    const Tensor typed = dy.to(rows.scalar_type());
    Tensor dx;
    if (ctx->saved_data["needs_x"].toBool()) {
      auto sizes = grads[0].sizes().vec();
      sizes.back() = factors.size(1);
      dx = matmul(typed, factors, torch::kFloat32).view(sizes);
    }
    const Tensor d_bias = ctx->saved_data["has_bias"].toBool() ? dy.sum(0) : Tensor();
    return {dx, matmul(typed.t(), rows, torch::kFloat32), d_bias, Tensor()};
  }
};

/// (N, T, E) -> (N * H, T, E / H)
Tensor split_heads(const Tensor& x, std::int64_t n_heads) {
  const std::int64_t n = x.size(0);
  const std::int64_t t = x.size(1);
  return x.reshape({n, t, n_heads, -1}).transpose(1, 2).reshape({n * n_heads, t, -1});
}

/// One more token after those of x (N, T, E).
Tensor with_token(const Tensor& x, const Tensor& token) {
  return torch::cat({x, token.expand({x.size(0), 1, x.size(2)})}, 1);
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              torch::ScalarType compute) {
  return Linear::apply(x, weight, bias, compute);
}

Tensor self_attention(const Tensor& qkv, const SelfAttention& how) {
  const std::int64_t n = qkv.size(0);
  const std::int64_t t = qkv.size(1);
  const std::int64_t width = qkv.size(2) / 3;
  const auto parts = qkv.chunk(3, 2);
  const Tensor q = split_heads(parts[0], how.n_heads);
  const bool biased = how.bias_k.defined();
  const Tensor k = split_heads(biased ? with_token(parts[1], how.bias_k) : parts[1], how.n_heads);
  const Tensor v = split_heads(biased ? with_token(parts[2], how.bias_v) : parts[2], how.n_heads);
  const double scale = 1 / std::sqrt(static_cast<double>(width / how.n_heads));
  Tensor scores = torch::bmm(q * scale, k.transpose(1, 2));
  if (how.causal) {
    const float hidden = -std::numeric_limits<float>::infinity();
    scores = scores + torch::full({t, t}, hidden).triu(1);
  }
  const Tensor seen = torch::bmm(torch::softmax(scores, -1), v);  // (N * H, T, E / H)
  return seen.view({n, how.n_heads, t, -1}).transpose(1, 2).reshape({n, t, width});
}

}  // namespace pandagpt::train
