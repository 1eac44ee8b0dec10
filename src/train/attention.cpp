#include "train/attention.h"

#include <dnnl.h>
#include <torch/autograd.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "train/kernels.h"
#include "train/torch_ops.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Row-major C (m, n) = alpha A (m, k) B (k, n) + beta C; runs on one thread inside a parallel loop.
void gemm(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
          const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const dnnl_status_t status =
      dnnl_sgemm(trans_a, trans_b, m, n, k, 1.0F, a, lda, b, ldb, beta, c, ldc);
  TORCH_CHECK(status == dnnl_success, "oneDNN sgemm failed with status ", static_cast<int>(status));
}

/// The strides and pointers that both passes share.
struct View {
  const SequenceLayout& layout;
  const RotaryTable& rotary;
  AttentionShape shape;
  bool is_bf16;

  int64_t heads_per_kv() const { return shape.n_head / shape.n_head_kv; }
  int64_t qkv_stride() const { return (shape.n_head + 2 * shape.n_head_kv) * shape.head_size; }
  int64_t out_stride() const { return shape.n_head * shape.head_size; }
  int64_t k_column(int64_t kv) const { return (shape.n_head + kv) * shape.head_size; }
  int64_t v_column(int64_t kv) const {
    return (shape.n_head + shape.n_head_kv + kv) * shape.head_size;
  }
  const int64_t* positions() const { return layout.positions.data_ptr<int64_t>(); }
  const float* cos() const { return rotary.cos.data_ptr<float>(); }
  const float* sin() const { return rotary.sin.data_ptr<float>(); }

  void load(const void* base, int64_t token, int64_t n, int64_t stride, int64_t column, bool rotate,
            float* to) const {
    kernels().load_head(
        n, shape.head_size, stride,
        {static_cast<const char*>(base) + (token * stride + column) * (is_bf16 ? 2 : 4), is_bf16},
        rotate ? positions() + token : nullptr, cos(), sin(), to);
  }
  void store(void* base, int64_t token, int64_t n, int64_t stride, int64_t column, bool rotate,
             const float* from) const {
    kernels().store_head(
        n, shape.head_size, stride, from, rotate ? positions() + token : nullptr, cos(), sin(),
        {static_cast<char*>(base) + (token * stride + column) * (is_bf16 ? 2 : 4), is_bf16});
  }
};

// Scratch of one thread, reused from task to task.
class Scratch {
 public:
  float* get(std::size_t slot, int64_t n) {
    if (slot >= buffers_.size()) buffers_.resize(slot + 1);
    if (static_cast<int64_t>(buffers_[slot].size()) < n)
      buffers_[slot].resize(static_cast<std::size_t>(n));
    return buffers_[slot].data();
  }

 private:
  std::vector<std::vector<float>> buffers_;
};

thread_local Scratch scratch;

// scores (rows, n_prefix + n) = q (rows, D) [prefix keys; own keys]^T
void raw_scores(const Segment& s, int64_t rows, int64_t d, int64_t tree_begin, const float* q,
                const float* k, float* scores) {
  const int64_t width = s.prefix_length + s.length;
  if (s.prefix_length > 0)
    gemm('N', 'T', rows, s.prefix_length, d, q, d, k + (s.prefix_begin - tree_begin) * d, d, 0.0F,
         scores, width);
  gemm('N', 'T', rows, s.length, d, q, d, k + (s.begin - tree_begin) * d, d, 0.0F,
       scores + s.prefix_length, width);
}

void forward_task(const View& view, const SegmentTree& tree, int64_t kv, const void* qkv, void* out,
                  float* lse) {
  const int64_t d = view.shape.head_size;
  const int64_t group = view.heads_per_kv();
  float* k = scratch.get(0, tree.length * d);
  float* v = scratch.get(1, tree.length * d);
  view.load(qkv, tree.begin, tree.length, view.qkv_stride(), view.k_column(kv), true, k);
  view.load(qkv, tree.begin, tree.length, view.qkv_stride(), view.v_column(kv), false, v);
  for (const Segment& s : tree.segments) {
    const int64_t rows = group * s.length;
    const int64_t width = s.prefix_length + s.length;
    float* q = scratch.get(2, rows * d);
    float* scores = scratch.get(3, rows * width);
    float* y = scratch.get(4, rows * d);
    float* row_lse = scratch.get(5, rows);
    for (int64_t g = 0; g < group; ++g)
      view.load(qkv, s.begin, s.length, view.qkv_stride(), (kv * group + g) * d, true,
                q + g * s.length * d);
    raw_scores(s, rows, d, tree.begin, q, k, scores);
    kernels().masked_softmax(rows, s.length, s.prefix_length,
                             1.0F / std::sqrt(static_cast<float>(d)), scores, row_lse);
    gemm('N', 'N', rows, d, s.length, scores + s.prefix_length, width,
         v + (s.begin - tree.begin) * d, d, 0.0F, y, d);
    if (s.prefix_length > 0)
      gemm('N', 'N', rows, d, s.prefix_length, scores, width, v + (s.prefix_begin - tree.begin) * d,
           d, 1.0F, y, d);
    for (int64_t g = 0; g < group; ++g) {
      view.store(out, s.begin, s.length, view.out_stride(), (kv * group + g) * d, false,
                 y + g * s.length * d);
      for (int64_t i = 0; i < s.length; ++i)
        lse[(kv * group + g) * view.layout.positions.size(0) + s.begin + i] =
            row_lse[g * s.length + i];
    }
  }
}

void backward_segment(const View& view, const SegmentTree& tree, const Segment& s, int64_t kv,
                      const void* qkv, const void* out, const void* d_out, const float* lse,
                      const float* k, const float* v, float* dk, float* dv, void* d_qkv) {
  const int64_t d = view.shape.head_size;
  const int64_t group = view.heads_per_kv();
  const int64_t rows = group * s.length;
  const int64_t width = s.prefix_length + s.length;
  float* q = scratch.get(4, rows * d);
  float* y = scratch.get(5, rows * d);
  float* dy = scratch.get(6, rows * d);
  float* scores = scratch.get(7, rows * width);
  float* dp = scratch.get(8, rows * width);
  float* row_lse = scratch.get(9, rows);
  float* delta = scratch.get(10, rows);
  float* dq = y;  // y is not needed once delta is known
  for (int64_t g = 0; g < group; ++g) {
    const int64_t column = (kv * group + g) * d;
    view.load(qkv, s.begin, s.length, view.qkv_stride(), column, true, q + g * s.length * d);
    view.load(out, s.begin, s.length, view.out_stride(), column, false, y + g * s.length * d);
    view.load(d_out, s.begin, s.length, view.out_stride(), column, false, dy + g * s.length * d);
    for (int64_t i = 0; i < s.length; ++i)
      row_lse[g * s.length + i] =
          lse[(kv * group + g) * view.layout.positions.size(0) + s.begin + i];
  }
  kernels().row_dot(rows, d, y, dy, delta);
  raw_scores(s, rows, d, tree.begin, q, k, scores);
  raw_scores(s, rows, d, tree.begin, dy, v, dp);  // d_probs = dy [prefix values; own values]^T
  // dp becomes d_scores, scores become probabilities
  kernels().masked_softmax_backward(rows, s.length, s.prefix_length,
                                    1.0F / std::sqrt(static_cast<float>(d)), scores, row_lse, delta,
                                    dp);
  const int64_t own = (s.begin - tree.begin) * d;
  gemm('N', 'N', rows, d, s.length, dp + s.prefix_length, width, k + own, d, 0.0F, dq, d);
  gemm('T', 'N', s.length, d, rows, dp + s.prefix_length, width, q, d, 1.0F, dk + own, d);
  gemm('T', 'N', s.length, d, rows, scores + s.prefix_length, width, dy, d, 1.0F, dv + own, d);
  if (s.prefix_length > 0) {
    const int64_t prefix = (s.prefix_begin - tree.begin) * d;
    gemm('N', 'N', rows, d, s.prefix_length, dp, width, k + prefix, d, 1.0F, dq, d);
    gemm('T', 'N', s.prefix_length, d, rows, dp, width, q, d, 1.0F, dk + prefix, d);
    gemm('T', 'N', s.prefix_length, d, rows, scores, width, dy, d, 1.0F, dv + prefix, d);
  }
  for (int64_t g = 0; g < group; ++g)
    view.store(d_qkv, s.begin, s.length, view.qkv_stride(), (kv * group + g) * d, true,
               dq + g * s.length * d);
}

void backward_task(const View& view, const SegmentTree& tree, int64_t kv, const void* qkv,
                   const void* out, const void* d_out, const float* lse, void* d_qkv) {
  const int64_t d = view.shape.head_size;
  float* k = scratch.get(0, tree.length * d);
  float* v = scratch.get(1, tree.length * d);
  float* dk = scratch.get(2, tree.length * d);
  float* dv = scratch.get(3, tree.length * d);
  view.load(qkv, tree.begin, tree.length, view.qkv_stride(), view.k_column(kv), true, k);
  view.load(qkv, tree.begin, tree.length, view.qkv_stride(), view.v_column(kv), false, v);
  std::fill_n(dk, tree.length * d, 0.0F);
  std::fill_n(dv, tree.length * d, 0.0F);
  for (const Segment& s : tree.segments)
    backward_segment(view, tree, s, kv, qkv, out, d_out, lse, k, v, dk, dv, d_qkv);
  view.store(d_qkv, tree.begin, tree.length, view.qkv_stride(), view.k_column(kv), true, dk);
  view.store(d_qkv, tree.begin, tree.length, view.qkv_stride(), view.v_column(kv), false, dv);
}

// One task per (tree, key/value head); their outputs do not overlap, so the result does not depend
// on which thread runs which.
template <class Task>
void for_each_task(const View& view, Task task) {
  const auto n_trees = static_cast<int64_t>(view.layout.trees.size());
  const int64_t n_tasks = n_trees * view.shape.n_head_kv;
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < n_tasks; ++i)
    task(view.layout.trees[static_cast<std::size_t>(i / view.shape.n_head_kv)],
         i % view.shape.n_head_kv);
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static Tensor forward(AutogradContext* ctx, const Tensor& qkv, const SequenceLayout* layout,
                        const RotaryTable* rotary, const AttentionShape* shape) {
    const View view{*layout, *rotary, *shape, qkv.scalar_type() == torch::kBFloat16};
    const int64_t n_tokens = qkv.size(0);
    TORCH_CHECK(qkv.is_contiguous() && qkv.size(1) == view.qkv_stride() &&
                layout->positions.size(0) == n_tokens);
    Tensor out = torch::empty({n_tokens, view.out_stride()}, qkv.options());
    Tensor lse = torch::empty({shape->n_head, n_tokens}, torch::kFloat32);
    for_each_task(view, [&](const SegmentTree& tree, int64_t kv) {
      forward_task(view, tree, kv, qkv.data_ptr(), out.data_ptr(), lse.data_ptr<float>());
    });
    ctx->save_for_backward({qkv, out, lse});
    ctx->saved_data["layout"] = reinterpret_cast<int64_t>(layout);
    ctx->saved_data["rotary"] = reinterpret_cast<int64_t>(rotary);
    ctx->saved_data["shape"] = reinterpret_cast<int64_t>(shape);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& qkv = saved[0];
    const View view{*reinterpret_cast<const SequenceLayout*>(ctx->saved_data["layout"].toInt()),
                    *reinterpret_cast<const RotaryTable*>(ctx->saved_data["rotary"].toInt()),
                    *reinterpret_cast<const AttentionShape*>(ctx->saved_data["shape"].toInt()),
                    qkv.scalar_type() == torch::kBFloat16};
    const Tensor d_out = grads[0].contiguous();
    Tensor d_qkv = torch::empty_like(qkv);
    for_each_task(view, [&](const SegmentTree& tree, int64_t kv) {
      backward_task(view, tree, kv, qkv.data_ptr(), saved[1].data_ptr(), d_out.data_ptr(),
                    saved[2].data_ptr<float>(), d_qkv.data_ptr());
    });
    return {d_qkv, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

RotaryTable RotaryTable::make(int64_t n_positions, int64_t head_size, double freq_base) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  const Tensor exponent = torch::arange(0, head_size, 2, options) / static_cast<double>(head_size);
  const Tensor angles = torch::outer(torch::arange(n_positions, options),
                                     torch::pow(torch::full({1}, freq_base, options), -exponent));
  return {angles.cos().to(torch::kFloat32).contiguous(),
          angles.sin().to(torch::kFloat32).contiguous()};
}

Tensor attention(const Tensor& qkv, const SequenceLayout& layout, const RotaryTable& rotary,
                 const AttentionShape& shape) {
  if (runs_on_torch(qkv)) return torch_ops::attention(qkv, layout, rotary, shape);
  return AttentionFunction::apply(qkv, &layout, &rotary, &shape);
}

}  // namespace pandagpt::train
