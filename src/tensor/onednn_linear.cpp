#include "tensor/onednn_linear.h"

#include <omp.h>

#include <algorithm>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <unordered_map>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using dnnl::memory;

// Blocks of fewer rows than this leave oneDNN's kernels half empty: cut columns instead.
constexpr std::int64_t kMinRowsPerThread = 24;
// Columns are cut at multiples of the widest register tile of its f32 kernels.
constexpr std::int64_t kColumnStep = 64;
constexpr float kRelu6Limit = 6.0F;

/// oneDNN sizes and runs a primitive for the OpenMP threads of the calling thread; ours must have
/// exactly one. The caller's own setting is restored.
class SingleOmpThread {
 public:
  SingleOmpThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~SingleOmpThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  SingleOmpThread(const SingleOmpThread&) = delete;
  SingleOmpThread& operator=(const SingleOmpThread&) = delete;

 private:
  int before_;
};

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc matrix(std::int64_t rows, std::int64_t columns, std::int64_t row_stride) {
  return {{rows, columns}, memory::data_type::f32, memory::dims{row_stride, 1}};
}

/// A block of the output: rows [row, row + rows), columns [column, column + columns).
struct Block {
  std::int64_t row = 0;
  std::int64_t rows = 0;
  std::int64_t column = 0;
  std::int64_t columns = 0;
};

/// Cuts `total` into at most `parts` ranges of whole steps, as even as can be.
std::vector<std::pair<std::int64_t, std::int64_t>> even_ranges(std::int64_t total,
                                                               std::int64_t parts,
                                                               std::int64_t step) {
  const std::int64_t steps = (total + step - 1) / step;
  parts = std::clamp<std::int64_t>(parts, 1, steps);
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  for (std::int64_t i = 0; i < parts; ++i) {
    const std::int64_t begin = steps * i / parts * step;
    const std::int64_t end = std::min(total, steps * (i + 1) / parts * step);
    ranges.emplace_back(begin, end - begin);
  }
  return ranges;
}

std::vector<Block> cut(std::int64_t rows, std::int64_t columns, int n_threads) {
  std::vector<Block> blocks;
  if (rows >= kMinRowsPerThread * n_threads || columns < 2 * kColumnStep) {
    for (const auto& [row, count] : even_ranges(rows, n_threads, 1))
      blocks.push_back({row, count, 0, columns});
  } else {
    for (const auto& [column, count] : even_ranges(columns, n_threads, kColumnStep))
      blocks.push_back({0, rows, column, count});
  }
  return blocks;
}

/// One block with the primitive, the packed weights and the memory objects that compute it.
struct BlockTask {
  Block block;
  dnnl::matmul primitive;
  dnnl::stream stream;
  std::unordered_map<int, memory> arguments;
};

/// The state of one node of a graph.
struct LinearNode {
  std::vector<BlockTask> tasks;
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;
  bool has_residual = false;
};

constexpr int kResidualArgument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
constexpr int kResidualAfterActivation = DNNL_ARG_ATTR_MULTIPLE_POST_OP(1) | DNNL_ARG_SRC_1;

void compute_node(ggml_tensor* out, int thread, int n_threads, void* state) {
  auto* node = static_cast<LinearNode*>(state);
  const SingleOmpThread single;
  auto* x = static_cast<float*>(out->src[0]->data);
  auto* y = static_cast<float*>(out->data);
  auto* residual = node->has_residual ? static_cast<float*>(out->src[1]->data) : nullptr;
  for (std::size_t i = thread; i < node->tasks.size(); i += n_threads) {
    BlockTask& task = node->tasks[i];
    const std::int64_t at = task.block.row * node->n_out + task.block.column;
    for (auto& [argument, value] : task.arguments) {
      if (argument == DNNL_ARG_SRC)
        value.set_data_handle(x + task.block.row * node->n_in);
      else if (argument == DNNL_ARG_DST)
        value.set_data_handle(y + at);
      else if (argument == kResidualArgument || argument == kResidualAfterActivation)
        value.set_data_handle(residual + at);
    }
    task.primitive.execute(task.stream, task.arguments);
  }
}

}  // namespace

class OnednnLinear::Impl {
 public:
  Impl(std::int64_t n_in, std::int64_t n_out, std::span<const float> weight,
       std::span<const float> bias, LinearActivation activation)
      : n_in_(n_in), n_out_(n_out), activation_(activation) {
    if (static_cast<std::int64_t>(weight.size()) != n_in * n_out ||
        (!bias.empty() && static_cast<std::int64_t>(bias.size()) != n_out))
      throw Error(ErrorKind::kInternal, "a linear layer's weights do not have its sizes");
    weight_.assign(weight.begin(), weight.end());
    bias_.assign(n_out, 0.0F);
    std::copy(bias.begin(), bias.end(), bias_.begin());
  }

  std::int64_t n_in() const { return n_in_; }
  std::int64_t n_out() const { return n_out_; }

  std::unique_ptr<LinearNode> make_node(std::int64_t rows, bool has_residual, int n_threads) {
    const SingleOmpThread single;
    auto node = std::make_unique<LinearNode>();
    node->n_in = n_in_;
    node->n_out = n_out_;
    node->has_residual = has_residual;
    for (const Block& block : cut(rows, n_out_, n_threads))
      node->tasks.push_back(make_task(block, has_residual));
    return node;
  }

 private:
  BlockTask make_task(const Block& block, bool has_residual) {
    const memory::desc x = matrix(block.rows, n_in_, n_in_);
    const memory::desc w({n_in_, block.columns}, memory::data_type::f32, memory::format_tag::any);
    const memory::desc b({1, block.columns}, memory::data_type::f32, memory::format_tag::ab);
    const memory::desc y = matrix(block.rows, block.columns, n_out_);
    const dnnl::matmul::primitive_desc primitive(dnnl::matmul::desc(x, w, b, y),
                                                 attributes(y, has_residual), cpu_engine());
    BlockTask task{block, dnnl::matmul(primitive), dnnl::stream(cpu_engine()), {}};
    task.arguments = {
        {DNNL_ARG_SRC, memory(x, cpu_engine(), nullptr)},
        {DNNL_ARG_DST, memory(y, cpu_engine(), nullptr)},
        {DNNL_ARG_WEIGHTS, packed_weight(block, primitive.weights_desc())},
        {DNNL_ARG_BIAS, memory(b, cpu_engine(), bias_.data() + block.column)},
        {DNNL_ARG_SCRATCHPAD, memory(primitive.scratchpad_desc(), cpu_engine())},
    };
    if (has_residual)
      task.arguments.emplace(
          activation_ == LinearActivation::kNone ? kResidualArgument : kResidualAfterActivation,
          memory(y, cpu_engine(), nullptr));
    return task;
  }

  dnnl::primitive_attr attributes(const memory::desc& y, bool has_residual) const {
    dnnl::post_ops post;
    if (activation_ == LinearActivation::kRelu6)
      post.append_eltwise(1.0F, dnnl::algorithm::eltwise_clip, 0.0F, kRelu6Limit);
    if (has_residual) post.append_binary(dnnl::algorithm::binary_add, y);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(post);
    // The library's own scratchpad belongs to the thread that creates a primitive, not to the one
    // that runs it.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
  }

  /// The block's columns of the weight in `layout`, shared by all nodes that want the same.
  memory packed_weight(const Block& block, const memory::desc& layout) {
    auto& variants = packed_[{block.column, block.columns}];
    for (const memory& packed : variants)
      if (packed.get_desc() == layout) return packed;
    // (n_in, columns) seen in the (n_out, n_in) matrix: element (i, o) is at o * n_in + i.
    const memory::desc plain({n_in_, block.columns}, memory::data_type::f32,
                             memory::dims{1, n_in_});
    memory source(plain, cpu_engine(), weight_.data() + block.column * n_in_);
    memory packed(layout, cpu_engine());
    dnnl::stream stream(cpu_engine());
    dnnl::reorder(source, packed).execute(stream, source, packed);
    stream.wait();
    variants.push_back(packed);
    return packed;
  }

  std::int64_t n_in_;
  std::int64_t n_out_;
  LinearActivation activation_;
  std::vector<float> weight_;  ///< (n_out, n_in)
  std::vector<float> bias_;    ///< (n_out)
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<memory>> packed_;
};

OnednnLinear::OnednnLinear(std::int64_t n_in, std::int64_t n_out, std::span<const float> weight,
                           std::span<const float> bias, LinearActivation activation)
    : impl_(std::make_unique<Impl>(n_in, n_out, weight, bias, activation)) {}
OnednnLinear::~OnednnLinear() = default;
OnednnLinear::OnednnLinear(OnednnLinear&&) noexcept = default;
OnednnLinear& OnednnLinear::operator=(OnednnLinear&&) noexcept = default;

std::int64_t OnednnLinear::n_in() const {
  return impl_->n_in();
}
std::int64_t OnednnLinear::n_out() const {
  return impl_->n_out();
}

ggml_tensor* OnednnLinear::apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) {
  if (x->ne[0] != n_in() || !ggml_is_contiguous(x))
    throw Error(ErrorKind::kInternal, "a linear layer's input has the wrong shape");
  LinearNode* node =
      builder.keep(impl_->make_node(ggml_nrows(x), residual != nullptr, builder.n_threads()));
  ggml_tensor* arguments[] = {x, residual};
  return ggml_custom_4d(builder.context(), GGML_TYPE_F32, n_out(), x->ne[1], x->ne[2], x->ne[3],
                        arguments, residual ? 2 : 1, compute_node, GGML_N_TASKS_MAX, node);
}

}  // namespace pandagpt
