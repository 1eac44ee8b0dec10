#include "train/frozen_linear.h"

#include <utility>

#include "train/torch_ops.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;

class PackedWeights : public FrozenLinear::Weights {
 public:
  PackedWeights(const Tensor& weight, torch::ScalarType compute)
      : forward_(weight.t(), compute), backward_(weight, compute) {}

  Tensor multiply(const Tensor& x, torch::ScalarType out) const override {
    return forward_.multiply(x, out);
  }
  void multiply_add(const Tensor& x, const Tensor& sum) const override {
    forward_.multiply_add(x, sum);
  }
  Tensor multiply_transposed(const Tensor& dy, torch::ScalarType out) const override {
    return backward_.multiply(dy, out);
  }

 private:
  PackedMatrix forward_;   // (in, out)
  PackedMatrix backward_;  // (out, in)
};

class PlainWeights : public FrozenLinear::Weights {
 public:
  explicit PlainWeights(Tensor weight) : weight_(std::move(weight)) {}

  Tensor multiply(const Tensor& x, torch::ScalarType out) const override {
    return matmul(x, weight_.t(), out);
  }
  void multiply_add(const Tensor& x, const Tensor& sum) const override {
    matmul_add(x, weight_.t(), sum);
  }
  Tensor multiply_transposed(const Tensor& dy, torch::ScalarType out) const override {
    return matmul(dy, weight_, out);
  }

 private:
  Tensor weight_;  // (out, in)
};

}  // namespace

FrozenLinear::FrozenLinear(const Tensor& weight, torch::ScalarType type)
    : in(weight.size(1)),
      out(weight.size(0)),
      compute(type),
      packed_(runs_on_torch(weight)
                  ? std::shared_ptr<const Weights>(std::make_shared<PlainWeights>(weight.to(type)))
                  : std::make_shared<PackedWeights>(weight, type)) {}

FrozenLinear::FrozenLinear(std::function<Tensor()> load, int64_t n_in, int64_t n_out,
                           torch::ScalarType type)
    : in(n_in), out(n_out), compute(type), load_(std::move(load)) {}

std::shared_ptr<const FrozenLinear::Weights> FrozenLinear::ready() const {
  return packed_ ? packed_ : std::make_shared<PlainWeights>(load_());
}

}  // namespace pandagpt::train
