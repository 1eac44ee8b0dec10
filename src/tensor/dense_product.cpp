#include "tensor/dense_product.h"

#include <algorithm>

#include "tensor/lora_sum.h"

namespace pandagpt {
namespace {

/// The activations of a chunk of tokens stay in the second-level cache while all rows pass.
constexpr std::int64_t kChunkBytes = std::int64_t{256} << 10;
constexpr std::int64_t kFewestTokensOfChunk = 8;
/// Rows that are computed together, by both kinds of kernels.
constexpr std::int64_t kShareRows = 4;

}  // namespace

std::optional<DenseType> dense_type(ggml_type type) {
  switch (type) {
    case GGML_TYPE_F32:
      return DenseType::kF32;
    case GGML_TYPE_F16:
      return DenseType::kF16;
    case GGML_TYPE_BF16:
      return DenseType::kBf16;
    default:
      return std::nullopt;
  }
}

DenseProductRows dense_product_rows(const ggml_tensor* weights, const void* x,
                                    std::int64_t n_tokens, float* y) {
  return {.type = *dense_type(weights->type),
          .weights = static_cast<const std::byte*>(weights->data),
          .row_bytes = static_cast<std::ptrdiff_t>(weights->nb[1]),
          .n_rows = weights->ne[1],
          .n_in = weights->ne[0],
          .x = static_cast<const float*>(x),
          .n_tokens = n_tokens,
          .addend = nullptr,
          .scale = 1,
          .y = y,
          .y_stride = weights->ne[1]};
}

void multiply_share(const ComputeParams& params, const DenseProductRows& product) {
  const std::int64_t n_groups = (product.n_rows + kShareRows - 1) / kShareRows;
  const Share groups = share_of(n_groups, params.thread, params.n_threads);
  const std::int64_t begin = groups.begin * kShareRows;
  const std::int64_t end = std::min(product.n_rows, groups.end * kShareRows);
  if (begin >= end) return;
  const std::int64_t fitting =
      kChunkBytes / (product.n_in * static_cast<std::int64_t>(sizeof(float)));
  const std::int64_t chunk =
      std::max(kFewestTokensOfChunk, fitting / kFewestTokensOfChunk * kFewestTokensOfChunk);
  DenseProductRows part = rows_of(product, begin, end - begin);
  for (std::int64_t token = 0; token < product.n_tokens; token += chunk) {
    part.n_tokens = std::min(chunk, product.n_tokens - token);
    dense_kernels().multiply(part);
    part.x += chunk * part.n_in;
    part.y += chunk * part.y_stride;
    if (part.addend != nullptr) part.addend += chunk * part.y_stride;
  }
}

bool DenseProduct::computes(const ggml_tensor* node) {
  constexpr int kHint = 1;  // of the parameters: what the weights are, for which ggml has kernels
  return is_plain_product(node) && node->op_params[kHint] == 0 && dense_type(node->src[0]->type) &&
         node->src[0]->nb[0] == ggml_type_size(node->src[0]->type);
}

bool DenseProduct::work_size(int /*n_threads*/, const ggml_tensor* node, std::size_t& size) {
  restore_left_out(node);
  size = 0;
  return true;
}

bool DenseProduct::compute_forward(ComputeParams* params, ggml_tensor* node) {
  const ggml_tensor* x = node->src[1];
  multiply_share(*params, dense_product_rows(node->src[0], x->data, ggml_nrows(x),
                                             static_cast<float*>(node->data)));
  return true;
}

}  // namespace pandagpt
