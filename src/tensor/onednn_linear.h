// Linear layers and 1x1 convolutions by oneDNN inside a ggml graph.
//
// oneDNN starts its own threads, which would fight ggml's for the cores. Here a layer is one custom
// operator of the graph: each of ggml's threads computes its own block of the output with a
// single-threaded oneDNN matmul. Few rows are cut by columns (each thread reads its share of the
// weights only), many rows by rows. Weights are packed into oneDNN's layout once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tensor/graph.h"

namespace pandagpt {

/// What follows a linear layer's sum.
enum class LinearActivation {
  kNone,
  kRelu6,  ///< clamped to [0, 6]
};

/// y = activation(x W^T + bias) + residual, in f32.
class OnednnLinear {
 public:
  /// `weight` is (n_out, n_in) row-major, that is ggml's [n_in, n_out]; `bias` is (n_out) or empty.
  /// Throws Error(kInternal) if the lengths do not fit.
  OnednnLinear(std::int64_t n_in, std::int64_t n_out, std::span<const float> weight,
               std::span<const float> bias, LinearActivation activation = LinearActivation::kNone);
  ~OnednnLinear();
  OnednnLinear(OnednnLinear&&) noexcept;
  OnednnLinear& operator=(OnednnLinear&&) noexcept;

  std::int64_t n_in() const;
  std::int64_t n_out() const;

  /// Adds the layer to a graph. `x` is contiguous [n_in, ...]; the result is [n_out, ...].
  /// `residual` has the shape of the result, or is nullptr.
  /// Weights for x's number of rows are packed now, if they are not yet.
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual = nullptr);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
