#include "tensor/onednn_linear.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pandagpt/error.h"
#include "tensor/row_tensor.h"

namespace pandagpt {
namespace {

using dnnl::memory;

// Blocks of fewer rows than this leave oneDNN's kernels half empty: cut columns instead.
constexpr std::int64_t kMinRowsPerThread = 24;
// Sums of a tile of this size, 192 KiB, stay in the second-level cache until they are used.
constexpr std::int64_t kTileRows = 192;
constexpr std::int64_t kTileColumns = 4 * kPanelColumns;
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

memory::data_type dnnl_type(RowFormat format) {
  switch (format) {
    case RowFormat::kBf16:
      return memory::data_type::bf16;
    case RowFormat::kInt8:
      return memory::data_type::u8;
    default:
      return memory::data_type::f32;
  }
}

RowFormat input_format(ComputeType type) {
  return type == ComputeType::kInt8   ? RowFormat::kInt8
         : type == ComputeType::kBf16 ? RowFormat::kBf16
                                      : RowFormat::kF32;
}

/// [begin, begin + size) along one side of a matrix.
struct Range {
  std::int64_t begin = 0;
  std::int64_t size = 0;
};

/// Cuts `range` into at most `parts` ranges of whole steps, as even as can be.
std::vector<Range> even_ranges(const Range& range, std::int64_t parts, std::int64_t step) {
  const std::int64_t steps = (range.size + step - 1) / step;
  parts = std::clamp<std::int64_t>(parts, 1, steps);
  std::vector<Range> ranges;
  for (std::int64_t i = 0; i < parts; ++i) {
    const std::int64_t begin = steps * i / parts * step;
    const std::int64_t end = std::min(range.size, steps * (i + 1) / parts * step);
    ranges.push_back({range.begin + begin, end - begin});
  }
  return ranges;
}

/// A block of the output.
struct Block {
  Range rows;
  Range columns;
};

std::vector<Block> cut(std::int64_t rows, std::int64_t columns, int n_threads) {
  const Range all_rows{0, rows};
  const Range all_columns{0, columns};
  std::vector<Block> blocks;
  if (rows >= kMinRowsPerThread * n_threads || columns < 2 * kPanelColumns) {
    for (const Range& part : even_ranges(all_rows, n_threads, 1))
      blocks.push_back({part, all_columns});
  } else {
    for (const Range& part : even_ranges(all_columns, n_threads, kPanelColumns))
      blocks.push_back({all_rows, part});
  }
  return blocks;
}

/// What the products of one node have in common.
struct ProductSpec {
  const PackedMatrix* weight;
  LinearActivation activation;
  RowFormat out;
  /// oneDNN's fast kernels write whole rows only: int8 sums and blocks of some columns go to a tile
  /// in the cache, from which a row kernel makes the result.
  bool in_tiles;
  bool has_residual;  ///< added by oneDNN, that is, not in tiles

  bool is_int8() const { return weight->type() == ComputeType::kInt8; }
  memory::data_type result_type() const {
    if (is_int8()) return memory::data_type::s32;
    return in_tiles ? memory::data_type::f32 : dnnl_type(out);
  }
};

/// A matmul of one size, with memory objects that one thread points at its data.
class Product {
 public:
  Product(const ProductSpec& spec, std::int64_t rows, std::int64_t columns)
      : stream_(cpu_engine()) {
    const auto plain = memory::format_tag::ab;
    const std::int64_t n_in = spec.weight->n_in();
    const memory::desc x({rows, n_in}, dnnl_type(input_format(spec.weight->type())), plain);
    const memory::desc w = spec.weight->describe(columns);
    const memory::desc b({1, columns}, memory::data_type::f32, plain);
    const memory::desc residual({rows, columns}, memory::data_type::f32, plain);
    const memory::desc y({rows, columns}, spec.result_type(), plain);
    const dnnl::matmul::desc operation =
        spec.is_int8() ? dnnl::matmul::desc(x, w, y) : dnnl::matmul::desc(x, w, b, y);
    const dnnl::matmul::primitive_desc primitive(operation, attributes(spec, residual),
                                                 cpu_engine());
    primitive_ = dnnl::matmul(primitive);
    add(DNNL_ARG_SRC, x);
    add(DNNL_ARG_WEIGHTS, w);
    add(DNNL_ARG_DST, y);
    if (!spec.is_int8()) add(DNNL_ARG_BIAS, b);
    if (spec.has_residual) add(residual_argument(spec), residual);
    arguments_.emplace(DNNL_ARG_SCRATCHPAD, memory(primitive.scratchpad_desc(), cpu_engine()));
  }

  static int residual_argument(const ProductSpec& spec) {
    const int position = spec.activation == LinearActivation::kNone ? 0 : 1;
    return DNNL_ARG_ATTR_MULTIPLE_POST_OP(position) | DNNL_ARG_SRC_1;
  }

  void set(int argument, const void* data) {
    const auto found = arguments_.find(argument);
    if (found != arguments_.end()) found->second.set_data_handle(const_cast<void*>(data));
  }
  void run() { primitive_.execute(stream_, arguments_); }

 private:
  static dnnl::primitive_attr attributes(const ProductSpec& spec, const memory::desc& residual) {
    dnnl::primitive_attr attributes;
    // The library's own scratchpad belongs to the thread that creates a primitive, not to the one
    // that runs it.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (spec.is_int8()) return attributes;
    dnnl::post_ops post;
    if (spec.activation == LinearActivation::kRelu6)
      post.append_eltwise(1.0F, dnnl::algorithm::eltwise_clip, 0.0F, kRelu6Limit);
    if (spec.activation == LinearActivation::kGelu)
      post.append_eltwise(1.0F, dnnl::algorithm::eltwise_gelu_erf, 0.0F, 0.0F);
    if (spec.has_residual) post.append_binary(dnnl::algorithm::binary_add, residual);
    attributes.set_post_ops(post);
    return attributes;
  }

  void add(int argument, const memory::desc& description) {
    arguments_.emplace(argument, memory(description, cpu_engine(), nullptr));
  }

  dnnl::matmul primitive_;
  dnnl::stream stream_;
  std::unordered_map<int, memory> arguments_;
};

/// A block of one thread: tiles of at most two sizes a side, each computed by one product.
struct BlockTask {
  std::vector<Range> rows;
  std::vector<Range> columns;
  std::vector<std::pair<std::array<std::int64_t, 2>, Product>> products;  ///< by rows and columns

  Product& product(std::int64_t n_rows, std::int64_t n_columns) {
    return std::find_if(products.begin(), products.end(),
                        [&](const auto& p) {
                          return p.first == std::array{n_rows, n_columns};
                        })
        ->second;
  }
};

BlockTask make_task(const ProductSpec& spec, const Block& block) {
  BlockTask task{{block.rows}, {block.columns}, {}};
  if (spec.in_tiles) {
    task.rows = even_ranges(block.rows, (block.rows.size + kTileRows - 1) / kTileRows, 1);
    task.columns.clear();
    for (std::int64_t c = 0; c < block.columns.size; c += kTileColumns)
      task.columns.push_back(
          {block.columns.begin + c, std::min(kTileColumns, block.columns.size - c)});
  }
  for (const Range& columns : task.columns) {
    for (const Range& rows : task.rows) {
      const std::array size{rows.size, columns.size};
      const bool known = std::any_of(task.products.begin(), task.products.end(),
                                     [&](const auto& p) { return p.first == size; });
      if (!known) task.products.emplace_back(size, Product(spec, rows.size, columns.size));
    }
  }
  return task;
}

/// The state of one node of a graph.
struct LinearNode {
  ProductSpec spec;
  const float* bias;
  std::vector<BlockTask> tasks;
};

/// Where a tile's data begins.
struct TileData {
  const std::uint8_t* x;
  const RowQuantization* quantization;  ///< kInt8 only
  const float* residual;                ///< or nullptr
  std::uint8_t* y;
};

TileData tile_data(const LinearNode& node, const ggml_tensor* out, const Range& rows,
                   const Range& columns) {
  const PackedMatrix& weight = *node.spec.weight;
  const ggml_tensor* x = out->src[0];
  const std::int64_t at = rows.begin * weight.n_out() + columns.begin;
  TileData data{};
  data.x = static_cast<const std::uint8_t*>(x->data) +
           rows.begin * weight.n_in() * element_bytes(input_format(weight.type()));
  if (node.spec.is_int8())
    data.quantization = quantized_rows(x, ggml_nrows(out), weight.n_in()).quantization + rows.begin;
  if (out->src[1]) data.residual = static_cast<const float*>(out->src[1]->data) + at;
  data.y = static_cast<std::uint8_t*>(out->data) + at * element_bytes(node.spec.out);
  return data;
}

void finish_tile(const LinearNode& node, const TileData& data, const Range& rows,
                 const Range& columns, const void* tile) {
  const PackedMatrix& weight = *node.spec.weight;
  const bool y_is_bf16 = node.spec.out == RowFormat::kBf16;
  if (!node.spec.is_int8()) {
    row_kernels().finish_float({.rows = rows.size,
                                .columns = columns.size,
                                .x = static_cast<const float*>(tile),
                                .residual = data.residual,
                                .y = data.y,
                                .y_is_bf16 = y_is_bf16,
                                .y_stride = weight.n_out()});
    return;
  }
  row_kernels().finish_int8(
      {.rows = rows.size,
       .columns = columns.size,
       .sums = static_cast<const std::int32_t*>(tile),
       .quantized = data.quantization,
       .panels = static_cast<const std::int8_t*>(weight.columns(columns.begin)),
       .panel_bytes = weight.panel_bytes(),
       .column_scales = weight.scales() + columns.begin,
       .column_sums = weight.sums() + columns.begin,
       .bias = node.bias + columns.begin,
       .activation = node.spec.activation,
       .residual = data.residual,
       .y = data.y,
       .y_is_bf16 = y_is_bf16,
       .y_stride = weight.n_out()});
}

void compute_task(const LinearNode& node, BlockTask& task, const ggml_tensor* out) {
  void* tile = nullptr;
  if (node.spec.in_tiles)
    tile = thread_scratch(kTileRows * kTileColumns * std::int64_t{sizeof(float)});
  for (const Range& columns : task.columns) {
    for (const Range& rows : task.rows) {
      const TileData data = tile_data(node, out, rows, columns);
      Product& product = task.product(rows.size, columns.size);
      product.set(DNNL_ARG_SRC, data.x);
      product.set(DNNL_ARG_WEIGHTS, node.spec.weight->columns(columns.begin));
      product.set(DNNL_ARG_DST, tile ? tile : data.y);
      product.set(DNNL_ARG_BIAS, node.bias + columns.begin);
      product.set(Product::residual_argument(node.spec), data.residual);
      product.run();
      if (tile) finish_tile(node, data, rows, columns, tile);
    }
  }
}

void compute_node(ggml_tensor* out, int thread, int n_threads, void* state) {
  auto* node = static_cast<LinearNode*>(state);
  const SingleOmpThread single;
  for (std::size_t i = thread; i < node->tasks.size(); i += n_threads)
    compute_task(*node, node->tasks[i], out);
}

void check_lengths(std::int64_t n_in, std::int64_t n_out, std::size_t weights, std::size_t biases) {
  if (weights != static_cast<std::size_t>(n_in * n_out) ||
      (biases != 0 && biases != static_cast<std::size_t>(n_out)))
    throw Error(ErrorKind::kInternal, "a linear layer's weights do not have its sizes");
}

PackedMatrix packed_f32(std::int64_t n_in, std::int64_t n_out, std::span<const float> weight) {
  check_lengths(n_in, n_out, weight.size(), 0);
  return {n_in, n_out, ComputeType::kF32,
          [weight, n_in](std::int64_t first, std::int64_t count, float* rows) {
            std::copy_n(weight.data() + first * n_in, count * n_in, rows);
          }};
}

}  // namespace

class OnednnLinear::Impl {
 public:
  Impl(PackedMatrix weight, std::span<const float> bias, LinearActivation activation)
      : weight_(std::move(weight)), activation_(activation) {
    check_lengths(0, weight_.n_out(), 0, bias.size());
    bias_.assign(round_up(weight_.n_out(), kPanelColumns), 0.0F);
    std::copy(bias.begin(), bias.end(), bias_.begin());
  }

  const PackedMatrix& weight() const { return weight_; }

  /// `x` is in the layer's format, and `like` the same rows before that.
  ggml_tensor* add_node(GraphBuilder& builder, ggml_tensor* x, const ggml_tensor* like,
                        ggml_tensor* residual, RowFormat out) {
    const SingleOmpThread single;
    auto node = std::make_unique<LinearNode>();
    const std::vector<Block> blocks = cut(ggml_nrows(like), weight_.n_out(), builder.n_threads());
    const bool in_tiles =
        weight_.type() == ComputeType::kInt8 || blocks.front().columns.size != weight_.n_out();
    node->spec = {&weight_, activation_, out, in_tiles, residual != nullptr && !in_tiles};
    node->bias = bias_.data();
    for (const Block& block : blocks)
      node->tasks.push_back(make_task(node->spec, block));
    std::array<ggml_tensor*, 2> arguments{x, residual};
    return new_rows(builder, out, weight_.n_out(), like,
                    std::span(arguments).first(residual ? 2 : 1), compute_node,
                    builder.keep(std::move(node)));
  }

 private:
  PackedMatrix weight_;
  std::vector<float> bias_;  ///< (n_out), zeros up to whole panels
  LinearActivation activation_;
};

OnednnLinear::OnednnLinear(std::int64_t n_in, std::int64_t n_out, std::span<const float> weight,
                           std::span<const float> bias, LinearActivation activation)
    : OnednnLinear(packed_f32(n_in, n_out, weight), bias, activation) {}
OnednnLinear::OnednnLinear(PackedMatrix weight, std::span<const float> bias,
                           LinearActivation activation)
    : impl_(std::make_unique<Impl>(std::move(weight), bias, activation)) {}
OnednnLinear::~OnednnLinear() = default;
OnednnLinear::OnednnLinear(OnednnLinear&&) noexcept = default;
OnednnLinear& OnednnLinear::operator=(OnednnLinear&&) noexcept = default;

std::int64_t OnednnLinear::n_in() const {
  return impl_->weight().n_in();
}
std::int64_t OnednnLinear::n_out() const {
  return impl_->weight().n_out();
}
ComputeType OnednnLinear::type() const {
  return impl_->weight().type();
}

ggml_tensor* OnednnLinear::apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) {
  if (x->ne[0] != n_in() || !ggml_is_contiguous(x))
    throw Error(ErrorKind::kInternal, "a linear layer's input has the wrong shape");
  ggml_tensor* rows = in_format(builder, x, input_format(type()));
  ggml_tensor* y = impl_->add_node(builder, rows, x, residual, RowFormat::kF32);
  if (type() != ComputeType::kF32)
    set_recipe(builder, y, [impl = impl_.get(), &builder, rows, x, residual](RowFormat wanted) {
      return wanted == RowFormat::kBf16 ? impl->add_node(builder, rows, x, residual, wanted)
                                        : nullptr;
    });
  return y;
}

}  // namespace pandagpt
