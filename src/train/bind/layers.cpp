#include "train/bind/layers.h"

#include <torch/torch.h>

#include "train/matmul.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Linear : torch::autograd::Function<Linear> {
  /// `inputs` are x, weight and, if there is one, bias: autograd takes no undefined tensors.
  static Tensor forward(AutogradContext* ctx, at::TensorList inputs, torch::ScalarType compute) {
    const Tensor& x = inputs[0];
    const Tensor& weight = inputs[1];
    const bool has_bias = inputs.size() > 2;
    const Tensor rows = x.reshape({-1, x.size(-1)}).to(compute).contiguous();
    const Tensor factors = weight.to(compute);
    Tensor y = matmul(rows, factors.t(), torch::kFloat32);
    if (has_bias) y.add_(inputs[2]);
    ctx->save_for_backward({rows, factors});
    ctx->saved_data["has_bias"] = has_bias;
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
    variable_list result = {dx, matmul(typed.t(), rows, torch::kFloat32)};
    if (ctx->saved_data["has_bias"].toBool()) result.push_back(dy.sum(0));
    result.emplace_back();  // compute
    return result;
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              torch::ScalarType compute) {
  variable_list inputs = {x, weight};
  if (bias.defined()) inputs.push_back(bias);
  return Linear::apply(at::TensorList(inputs), compute);
}

}  // namespace pandagpt::train
