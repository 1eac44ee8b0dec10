#include "train/activation_checkpoint.h"

#include <torch/autograd.h>
#include <torch/custom_class.h>

#include <utility>

namespace pandagpt::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Block : torch::CustomClassHolder {
  std::function<Tensor(const Tensor&)> run;
  variable_list parameters;
};

struct Checkpointed : torch::autograd::Function<Checkpointed> {
  // `inputs` holds x and the parameters: that is how autograd learns that the result depends on
  // them.
  static Tensor forward(AutogradContext* ctx, at::TensorList inputs,
                        const c10::intrusive_ptr<Block>& block) {
    ctx->save_for_backward({inputs[0]});
    ctx->saved_data["block"] = c10::IValue::make_capsule(block);
    return block->run(inputs[0]);  // gradients are off inside a Function
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto capsule = ctx->saved_data["block"].toCapsule();
    const auto& block = static_cast<const Block&>(*capsule);
    const torch::AutoGradMode recording(true);
    const Tensor x = ctx->get_saved_variables()[0].detach().requires_grad_(true);
    variable_list wanted = {x};
    wanted.insert(wanted.end(), block.parameters.begin(), block.parameters.end());
    variable_list result = torch::autograd::grad({block.run(x)}, wanted, {grads[0]});
    result.emplace_back();  // the block itself
    return result;
  }
};

}  // namespace

Tensor checkpointed(std::function<Tensor(const Tensor&)> block, const Tensor& x,
                    std::vector<Tensor> parameters) {
  variable_list inputs = {x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  auto holder = c10::make_intrusive<Block>();
  holder->run = std::move(block);
  holder->parameters = std::move(parameters);
  return Checkpointed::apply(at::TensorList(inputs), holder);
}

}  // namespace pandagpt::train
