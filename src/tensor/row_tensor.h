// Activations of a graph in the formats of the row kernels.
//
// An operator's result is f32 by default. If its operator can write it in the format that the next
// one reads, it carries that as a recipe, and in_format makes such a node instead: the f32 node is
// then used by nobody and does not become part of the graph.
#pragma once

#include <functional>
#include <span>

#include "tensor/graph.h"
#include "tensor/row_kernels.h"

namespace pandagpt {

/// nullptr where an operator can't write that format itself.
using RowRecipe = std::function<ggml_tensor*(RowFormat)>;
/// Attaches `recipe` to `tensor`, a new node; the builder must live as long as the recipe is asked.
void set_recipe(GraphBuilder& builder, ggml_tensor* tensor, RowRecipe recipe);

/// The format of a tensor (ggml's f32, bf16, and i8 for kInt8).
RowFormat row_format(const ggml_tensor* tensor);
/// [n, ...] in the given format: `x` itself, a node by its recipe, or a conversion of it. `x` is
/// contiguous f32 or bf16 with rows of n = x->ne[0] channels. The result for kInt8 is flat.
ggml_tensor* in_format(GraphBuilder& builder, ggml_tensor* x, RowFormat format);

/// A custom operator whose result has rows of n channels in `format`, and the other dimensions of
/// `like` (for kInt8 none: it is flat). Used by the operators of this layer.
ggml_tensor* new_rows(GraphBuilder& builder, RowFormat format, std::int64_t n,
                      const ggml_tensor* like, std::span<ggml_tensor*> arguments,
                      ggml_custom_op_t compute, void* state);

/// The rows of a tensor of format kInt8.
struct QuantizedRows {
  std::uint8_t* values;  ///< (rows, n)
  RowQuantization* quantization;
};
QuantizedRows quantized_rows(const ggml_tensor* tensor, std::int64_t rows, std::int64_t n);

/// Memory of the calling thread, aligned to 64 bytes, valid until its next call.
void* thread_scratch(std::int64_t bytes);

}  // namespace pandagpt
