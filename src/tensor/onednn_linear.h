// Linear layers and 1x1 convolutions by oneDNN inside a ggml graph.
//
// oneDNN starts its own threads, which would fight ggml's for the cores. Here a layer is one custom
// operator of the graph: each of ggml's threads computes its own block of the output with a
// single-threaded oneDNN matmul. Few rows are cut by columns (each thread reads its share of the
// weights only), many rows by rows. Weights are packed into oneDNN's layout once.
//
// In f32 and bf16 oneDNN adds the bias, activates and adds the residual while a block is in
// registers. In int8 it gives int32 sums of a block that stays in the cache; what follows needs the
// scales of rows and columns, and is one of our own row kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tensor/compute_type.h"
#include "tensor/graph.h"
#include "tensor/packed_matrix.h"
#include "tensor/row_kernels.h"

namespace pandagpt {

/// y = activation(x W^T + bias) + residual.
class OnednnLinear {
 public:
  /// `weight` is (n_out, n_in) row-major, that is ggml's [n_in, n_out]; `bias` is (n_out) or empty.
  /// Computes in f32. Throws Error(kInternal) if the lengths do not fit.
  OnednnLinear(std::int64_t n_in, std::int64_t n_out, std::span<const float> weight,
               std::span<const float> bias, LinearActivation activation = LinearActivation::kNone);
  /// The same for weights of any type (see PackedMatrix about kInt8).
  OnednnLinear(PackedMatrix weight, std::span<const float> bias,
               LinearActivation activation = LinearActivation::kNone);
  ~OnednnLinear();
  OnednnLinear(OnednnLinear&&) noexcept;
  OnednnLinear& operator=(OnednnLinear&&) noexcept;

  std::int64_t n_in() const;
  std::int64_t n_out() const;
  /// In what it computes.
  ComputeType type() const;

  /// Adds the layer to a graph. `x` is contiguous [n_in, ...], f32 or bf16, or already in the
  /// format that the layer reads (row_tensor.h); the result is f32 [n_out, ...], with a recipe for
  /// bf16. `residual` is f32 and has the shape of the result, or is nullptr. The layer must outlive
  /// the graph.
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual = nullptr);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
