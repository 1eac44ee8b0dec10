#include "tensor/block_product.h"

#include <new>

#include "tensor/lora_sum.h"
#include "tensor/row_kernels.h"
#include "tensor/row_tensor.h"

namespace pandagpt {
namespace {

std::optional<BlockType> block_type(ggml_type type) {
  switch (type) {
    case GGML_TYPE_Q4_0:
      return BlockType::kQ40;
    case GGML_TYPE_Q4_1:
      return BlockType::kQ41;
    case GGML_TYPE_Q8_0:
      return BlockType::kQ80;
    case GGML_TYPE_Q4_K:
      return BlockType::kQ4K;
    case GGML_TYPE_Q6_K:
      return BlockType::kQ6K;
    default:
      return std::nullopt;
  }
}

/// With fewer tokens of the K types ggml's products are as fast as memory, and have the same bits
/// for one as for three, which guessing (batch_equality.h) relies on.
constexpr std::int64_t kFewestTokensOfK = 4;

std::int64_t fewest_tokens(ggml_type type) {
  return type == GGML_TYPE_Q4_K || type == GGML_TYPE_Q6_K ? kFewestTokensOfK : 1;
}

/// What goes with a product's tiles where no LoRA does.
struct Nothing {
  void prefetch(std::int64_t /*row*/, std::int64_t /*n_rows*/) const {}
  void compute(std::int64_t /*row*/, std::int64_t /*n_rows*/) const {}
};

}  // namespace

BlockActivations BlockWork::activations() const {
  return {reinterpret_cast<std::int8_t*>(memory_ + kWorkAlignment),
          reinterpret_cast<float*>(memory_ + scales_at()),
          reinterpret_cast<std::int32_t*>(memory_ + sums_at())};
}

std::int64_t BlockWork::scales_at() const {
  return kWorkAlignment + round_up(n_tokens_ * n_in_, kWorkAlignment);
}

std::int64_t BlockWork::numbers_bytes(std::int64_t size) const {
  return round_up(n_tokens_ * (n_in_ / size) * 4, kWorkAlignment);
}

bool BlockProduct::computes(const ggml_tensor* node) {
  return is_plain_product(node) && block_type(node->src[0]->type) &&
         ggml_nrows(node->src[1]) >= fewest_tokens(node->src[0]->type);
}

bool BlockProduct::work_size(int /*n_threads*/, const ggml_tensor* node, std::size_t& size) {
  restore_left_out(node);
  size = static_cast<std::size_t>(BlockWork(node).size());
  return true;
}

bool BlockProduct::compute_forward(ComputeParams* params, ggml_tensor* node) {
  BlockWork work(node);
  // All threads decide alike. ggml's own kernel gets along with our size, which is larger; a plan
  // that was made before ours were in use has only room for its own.
  if (params->use_reference || params->work_size < static_cast<std::size_t>(work.size()))
    return false;
  work.set_memory(params->work);
  quantize(*params, *node, work);
  if (params->thread == 0) new (work.next_part()) std::atomic<std::int64_t>(params->n_threads);
  barrier_(params->threadpool);
  multiply(*params, *node, work, static_cast<float*>(node->data), Nothing{});
  return true;
}

void BlockProduct::quantize(const ComputeParams& params, const ggml_tensor& product,
                            const BlockWork& work) const {
  const ggml_tensor& x = *product.src[1];
  const auto* rows = static_cast<const float*>(x.data);
  const std::int64_t n_tokens = ggml_nrows(&x);
  for (std::int64_t token = params.thread; token < n_tokens; token += params.n_threads)
    kernels_.quantize(rows + token * x.ne[0], x.ne[0], token, work.activations());
}

BlockTile BlockProduct::tile_of(const ggml_tensor& product, const BlockWork& work) {
  const ggml_tensor& weights = *product.src[0];
  return {.type = *block_type(weights.type),
          .weights = nullptr,
          .row_bytes = static_cast<std::ptrdiff_t>(weights.nb[1]),
          .n_rows = 0,
          .n_in = weights.ne[0],
          .x = work.activations(),
          .n_tokens = ggml_nrows(product.src[1]),
          .scratch = static_cast<std::byte*>(thread_scratch(block_scratch_bytes(weights.ne[0]))),
          .y = nullptr,
          .y_stride = weights.ne[1]};
}

}  // namespace pandagpt
