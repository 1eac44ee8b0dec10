#include "tensor/lora_sum.h"

#include <algorithm>
#include <bit>
#include <new>
#include <span>
#include <string_view>

#include "tensor/factor_order.h"
#include "tensor/row_kernels.h"

namespace pandagpt {
namespace {

constexpr std::string_view kInnerSuffix = ".lora_a";
constexpr std::string_view kOuterSuffix = ".lora_b";

/// The parameter of an operation that marks it as left out by us; MUL_MAT and SCALE have two.
constexpr int kMarkIndex = GGML_MAX_OP_PARAMS / sizeof(std::int32_t) - 1;
constexpr std::int32_t kMark = 0x4C6F5241;

bool is_left_out(const ggml_tensor* node) {
  return node->op_params[kMarkIndex] == kMark;
}

void leave_out(ggml_tensor* node) {
  node->op_params[kMarkIndex] = kMark;
  node->flags &= ~GGML_TENSOR_FLAG_COMPUTE;
}

bool is_factor(const ggml_tensor* node, std::string_view suffix) {
  return node != nullptr && DenseProduct::computes(node) &&
         std::string_view(node->src[0]->name).ends_with(suffix);
}

bool is_wanted(const ggml_tensor* node) {
  return (node->flags & GGML_TENSOR_FLAG_OUTPUT) != 0;
}

FactorOrder factor_order;

/// The last nodes that ggml has asked about in this thread, the newest at the end.
constexpr std::size_t kVisited = 5;
thread_local std::array<const ggml_tensor*, kVisited> visited{};

bool overlap(const ggml_tensor* a, const ggml_tensor* b) {
  const auto* first = static_cast<const std::byte*>(a->data);
  const auto* second = static_cast<const std::byte*>(b->data);
  return first < second + ggml_nbytes(b) && second < first + ggml_nbytes(a);
}

/// What goes with a base's tiles: the second factor's rows on top of what a tile has given, and
/// memory that is fetched ahead while a tile is computed.
class ScaledRows {
 public:
  /// `ahead`: what the thread needs next, a part with each of about `n_tiles` tiles.
  ScaledRows(const DenseProductRows& product, Bytes ahead, std::int64_t n_tiles)
      : product_(product), ahead_(ahead), step_(ahead.size / std::max<std::int64_t>(n_tiles, 1)) {}

  /// The CPU can't foresee these rows: they are too few at a time.
  void prefetch(std::int64_t row, std::int64_t n_rows) {
    fetch_ahead({product_.weights + row * product_.row_bytes, n_rows * product_.row_bytes});
    const std::int64_t part = std::min(ahead_.size, step_ + kCacheLine);
    fetch_ahead({ahead_.data, part});
    ahead_ = {ahead_.data + part, ahead_.size - part};
  }
  void compute(std::int64_t row, std::int64_t n_rows) const {
    kernels_.multiply(rows_of(product_, row, n_rows));
  }

 private:
  const DenseProductRows& product_;
  const DenseKernels& kernels_ = dense_kernels();
  Bytes ahead_;
  std::int64_t step_;
};

}  // namespace

void restore_left_out(const ggml_tensor* planned) {
  if (!is_left_out(planned)) return;
  auto* node = const_cast<ggml_tensor*>(planned);  // ggml's interface shows plans constant nodes
  node->op_params[kMarkIndex] = 0;
  node->flags |= GGML_TENSOR_FLAG_COMPUTE;
}

struct LoraSum::Nodes {
  ggml_tensor* base;
  ggml_tensor* inner;
  ggml_tensor* outer;
  ggml_tensor* scaled;
  const ggml_tensor* sum;

  const ggml_tensor* x() const { return inner->src[1]; }
  std::int64_t n_tokens() const { return ggml_nrows(x()); }
  std::int64_t rank() const { return inner->src[0]->ne[1]; }
  float scale() const { return std::bit_cast<float>(scaled->op_params[0]); }
  /// Of inner's result, (T, rank).
  std::int64_t inner_bytes() const {
    return round_up(n_tokens() * rank() * static_cast<std::int64_t>(sizeof(float)), kWorkAlignment);
  }
};

LoraSum::Nodes LoraSum::nodes_of(const ggml_tensor* sum) {
  ggml_tensor* scaled = sum->src[1];
  ggml_tensor* outer = scaled->src[0];
  return {sum->src[0], outer->src[1], outer, scaled, sum};
}

void LoraSum::visit(const ggml_tensor* node) {
  std::ranges::rotate(visited, visited.begin() + 1);
  visited.back() = node;
}

bool LoraSum::computes(const ggml_tensor* node) {
  if (node->op == GGML_OP_SCALE) return is_left_out(node);  // for work_size() alone
  if (node->op != GGML_OP_ADD || node->type != GGML_TYPE_F32 || !ggml_is_contiguous(node))
    return false;
  const ggml_tensor* base = node->src[0];
  const ggml_tensor* scaled = node->src[1];
  if (scaled->op != GGML_OP_SCALE || scaled->op_params[1] != 0) return false;
  const ggml_tensor* outer = scaled->src[0];
  if (!is_factor(outer, kOuterSuffix) || !is_factor(outer->src[1], kInnerSuffix)) return false;
  return base->type == GGML_TYPE_F32 && ggml_is_contiguous(base) &&
         ggml_are_same_shape(base, node) && ggml_are_same_shape(scaled, node);
}

/// Whether the base's product is computed with the sum.
bool LoraSum::takes_base(const Nodes& nodes) const {
  return block_ != nullptr && BlockProduct::computes(nodes.base) &&
         nodes.base->src[1] == nodes.x() && visited.front() == nodes.base && !is_wanted(nodes.base);
}

bool LoraSum::work_size(int /*n_threads*/, const ggml_tensor* node, std::size_t& size) {
  if (node->op == GGML_OP_SCALE) {
    restore_left_out(node);
    return false;
  }
  const Nodes nodes = nodes_of(node);
  if ((node->flags & GGML_TENSOR_FLAG_COMPUTE) == 0) return false;
  for (const ggml_tensor* part : {nodes.base, nodes.inner, nodes.outer, nodes.scaled})
    restore_left_out(part);
  const bool in_a_row = std::ranges::equal(
      std::span(visited).subspan(1),
      std::array<const ggml_tensor*, kVisited - 1>{nodes.inner, nodes.outer, nodes.scaled, node});
  // x has no reader behind `inner`, and its memory may have been given to the sum.
  if (!in_a_row || node->data == nullptr || overlap(node, nodes.x()) || is_wanted(nodes.inner) ||
      is_wanted(nodes.outer) || is_wanted(nodes.scaled))
    return false;
  std::int64_t bytes = nodes.inner_bytes() + 2 * kWorkAlignment;
  if (takes_base(nodes)) {
    leave_out(nodes.base);
    bytes += BlockWork(nodes.base).size();
  }
  for (ggml_tensor* part : {nodes.inner, nodes.outer, nodes.scaled})
    leave_out(part);
  size = static_cast<std::size_t>(bytes);
  return true;
}

bool LoraSum::compute_forward(ComputeParams* params, ggml_tensor* node) {
  if (node->op == GGML_OP_SCALE) return false;
  const Nodes nodes = nodes_of(node);
  if (!is_left_out(nodes.scaled)) return false;
  std::byte* memory = aligned_work(params->work);
  auto* next_part = reinterpret_cast<std::atomic<std::int64_t>*>(memory);
  auto* inner = reinterpret_cast<float*>(memory + kWorkAlignment);
  auto* y = static_cast<float*>(node->data);
  const bool with_base = is_left_out(nodes.base);
  multiply_share(*params,
                 dense_product_rows(nodes.inner->src[0], nodes.x()->data, nodes.n_tokens(), inner));
  DenseProductRows outer = dense_product_rows(nodes.outer->src[0], inner, nodes.n_tokens(), y);
  outer.addend = with_base ? y : static_cast<const float*>(nodes.base->data);
  outer.scale = nodes.scale();
  const Bytes ahead = factor_order.next(*params, nodes.inner->src[0]);
  ScaledRows add(outer, ahead, node->ne[0] / (kTileRows * params->n_threads));
  if (params->thread == 0) new (next_part) std::atomic<std::int64_t>(params->n_threads);
  if (!with_base) {
    barrier_(params->threadpool);
    for_tiles(*params, node->ne[0], *next_part, [&](std::int64_t row, std::int64_t n_rows) {
      add.prefetch(row, n_rows);
      add.compute(row, n_rows);
    });
    return true;
  }
  BlockWork work(nodes.base);
  work.set_memory(memory + kWorkAlignment + nodes.inner_bytes());
  block_->quantize(*params, *nodes.base, work);
  if (params->thread == 0) new (work.next_part()) std::atomic<std::int64_t>(params->n_threads);
  barrier_(params->threadpool);
  block_->multiply(*params, *nodes.base, work, y, add);
  return true;
}

}  // namespace pandagpt
