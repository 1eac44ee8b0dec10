// A LoRA at run time as one operation in ggml's CPU backend.
#pragma once

#include <array>

#include "tensor/block_product.h"
#include "tensor/dense_product.h"

namespace pandagpt {

/// llama.cpp's graph of a matrix with a LoRA is
///     base = MUL_MAT(w, x)   inner = MUL_MAT(a, x)   outer = MUL_MAT(b, inner)
///     scaled = SCALE(outer)  sum = ADD(base, scaled)
/// one right behind the other. Between any two, all threads wait for each other, and b is too
/// narrow for a product of its own to pay. So `sum` computes the scaled product while the rows of
/// the base are at hand, and the others are left out: their flag GGML_TENSOR_FLAG_COMPUTE, which
/// tells backends what to compute, is cleared. The base's product is ours to compute if it is a
/// BlockProduct; otherwise it stays a node of its own.
///
/// All is decided each time that a graph is planned. What is left out is read by nobody else:
/// llama.cpp keeps no hold of these nodes (and names the weights *.lora_a, *.lora_b).
class LoraSum final : public Operation {
 public:
  /// `block` is nullptr where the kernels don't run.
  LoraSum(const BlockProduct* block, Barrier barrier) : block_(block), barrier_(barrier) {}

  /// To be called with each node that ggml asks about, in its order.
  static void visit(const ggml_tensor* node);
  static bool computes(const ggml_tensor* node);

  bool work_size(int n_threads, const ggml_tensor* node, std::size_t& size) override;
  bool compute_forward(ComputeParams* params, ggml_tensor* node) override;

 private:
  struct Nodes;
  static Nodes nodes_of(const ggml_tensor* sum);
  bool takes_base(const Nodes& nodes) const;

  const BlockProduct* block_;
  Barrier barrier_;
};

/// Takes a node back into the graph that an earlier plan left out: the plan at hand may see no more
/// than a part of that graph.
void restore_left_out(const ggml_tensor* node);

}  // namespace pandagpt
