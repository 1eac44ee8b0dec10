#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <cmath>

#include "train/bind/layers.h"
#include "train/kernels.h"
#include "train/small_products.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local Scratch scratch;

/// Sizes and strides of one attention; letters as in layers.h, D = E / H.
struct Heads {
  int64_t n;
  int64_t t;
  int64_t e;
  int64_t h;
  bool causal;
  bool biased;

  int64_t d() const { return e / h; }
  int64_t row() const { return 3 * e; }                   // from token to token in qkv
  int64_t width() const { return t + (biased ? 1 : 0); }  // keys
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(d())); }
  // For the kernels, which know a causal part behind a prefix that all see: without a mask, all
  // keys but one are the prefix.
  int64_t masked() const { return causal ? t : 1; }
  int64_t prefix() const { return causal ? 0 : width() - 1; }
};

/// rows (T, width) = x (T, D) [keys (T, D); bias (D)]^T
void against_keys(const Heads& s, const float* x, int64_t ldx, const float* keys, const float* bias,
                  float* rows) {
  gemm('N', 'T', s.t, s.t, s.d(), x, ldx, keys, s.row(), 0.0F, rows, s.width());
  if (s.biased) gemm('N', 'T', s.t, 1, s.d(), x, ldx, bias, s.e, 0.0F, rows + s.t, s.width());
}

/// y (T, D) = shares (T, width) [values (T, D); bias (D)]
void of_values(const Heads& s, const float* shares, const float* values, const float* bias,
               float* y, int64_t ldy) {
  gemm('N', 'N', s.t, s.d(), s.t, shares, s.width(), values, s.row(), 0.0F, y, ldy);
  if (s.biased) gemm('N', 'N', s.t, s.d(), 1, shares + s.t, s.width(), bias, s.e, 1.0F, y, ldy);
}

/// The gradients of keys or values: shares (T, width)^T x (T, D).
void to_keys(const Heads& s, const float* shares, const float* x, int64_t ldx, float* keys,
             float* bias) {
  gemm('T', 'N', s.t, s.d(), s.t, shares, s.width(), x, ldx, 0.0F, keys, s.row());
  if (s.biased) gemm('T', 'N', 1, s.d(), s.t, shares + s.t, s.width(), x, ldx, 0.0F, bias, s.e);
}

const float* head_of(const Tensor& bias, int64_t column) {
  return bias.defined() ? bias.data_ptr<float>() + column : nullptr;
}

/// Calls task(input, head) for all; what they write doesn't overlap.
template <typename Task>
void for_each_head(const Heads& s, const Task& task) {
  at::parallel_for(0, s.n * s.h, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      task(i / s.h, i % s.h);
  });
}

struct Attention : torch::autograd::Function<Attention> {
  /// `inputs` are qkv and, if there are such, bias_k and bias_v: autograd takes no undefined
  /// tensors.
  static Tensor forward(AutogradContext* ctx, at::TensorList inputs, int64_t n_heads, bool causal) {
    const Tensor& qkv = inputs[0];
    const Tensor bias_k = inputs.size() > 1 ? inputs[1].contiguous() : Tensor();
    const Tensor bias_v = inputs.size() > 1 ? inputs[2].contiguous() : Tensor();
    const Tensor packed = qkv.contiguous();
    const Heads s{qkv.size(0), qkv.size(1), qkv.size(2) / 3, n_heads, causal, bias_k.defined()};
    Tensor out = torch::empty({s.n, s.t, s.e});
    Tensor lse = torch::empty({s.n, s.h, s.t});
    for_each_head(s, [&](int64_t input, int64_t head) {
      const int64_t column = head * s.d();
      const float* q = packed.data_ptr<float>() + input * s.t * s.row() + column;
      float* scores = scratch.get(0, s.t * s.width());
      against_keys(s, q, s.row(), q + s.e, head_of(bias_k, column), scores);
      kernels().masked_softmax(s.t, s.masked(), s.prefix(), s.scale(), scores,
                               lse.data_ptr<float>() + (input * s.h + head) * s.t);
      of_values(s, scores, q + 2 * s.e, head_of(bias_v, column),
                out.data_ptr<float>() + input * s.t * s.e + column, s.e);
    });
    ctx->save_for_backward({packed, bias_k, bias_v, out, lse});
    ctx->saved_data["n_heads"] = n_heads;
    ctx->saved_data["causal"] = causal;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& qkv = saved[0];
    const Heads s{qkv.size(0),
                  qkv.size(1),
                  qkv.size(2) / 3,
                  ctx->saved_data["n_heads"].toInt(),
                  ctx->saved_data["causal"].toBool(),
                  saved[1].defined()};
    const Tensor d_out = grads[0].contiguous();
    Tensor d_qkv = torch::empty_like(qkv);
    // of each input by itself, so that the sum doesn't depend on the threads
    Tensor d_bias_k = s.biased ? torch::empty({s.n, s.e}) : Tensor();
    Tensor d_bias_v = s.biased ? torch::empty({s.n, s.e}) : Tensor();
    for_each_head(s, [&](int64_t input, int64_t head) {
      const int64_t column = head * s.d();
      const int64_t first = input * s.t * s.row() + column;
      const int64_t own = input * s.e + column;
      backward_head(
          s, qkv.data_ptr<float>() + first, head_of(saved[1], column), head_of(saved[2], column),
          saved[3].data_ptr<float>() + input * s.t * s.e + column,
          saved[4].data_ptr<float>() + (input * s.h + head) * s.t,
          d_out.data_ptr<float>() + input * s.t * s.e + column, d_qkv.data_ptr<float>() + first,
          s.biased ? d_bias_k.data_ptr<float>() + own : nullptr,
          s.biased ? d_bias_v.data_ptr<float>() + own : nullptr);
    });
    if (s.biased) return {d_qkv, d_bias_k.sum(0), d_bias_v.sum(0), Tensor(), Tensor()};
    return {d_qkv, Tensor(), Tensor()};
  }

  static void backward_head(const Heads& s, const float* q, const float* bias_k,
                            const float* bias_v, const float* out, const float* lse,
                            const float* d_out, float* dq, float* d_bias_k, float* d_bias_v) {
    float* scores = scratch.get(0, s.t * s.width());
    float* d_scores = scratch.get(1, s.t * s.width());
    float* y = scratch.get(2, s.t * s.d());
    float* dy = scratch.get(3, s.t * s.d());
    float* delta = scratch.get(4, s.t);
    for (const auto& [from, to] : {std::pair{out, y}, std::pair{d_out, dy}})
      kernels().load_head(s.t, s.d(), s.e, {from, false}, nullptr, nullptr, nullptr, to);
    kernels().row_dot(s.t, s.d(), y, dy, delta);
    against_keys(s, q, s.row(), q + s.e, bias_k, scores);
    against_keys(s, dy, s.d(), q + 2 * s.e, bias_v, d_scores);
    // scores become the shares, d_scores the gradient of what they are the softmax of
    kernels().masked_softmax_backward(s.t, s.masked(), s.prefix(), s.scale(), scores, lse, delta,
                                      d_scores);
    of_values(s, d_scores, q + s.e, bias_k, dq, s.row());
    to_keys(s, d_scores, q, s.row(), dq + s.e, d_bias_k);
    to_keys(s, scores, dy, s.d(), dq + 2 * s.e, d_bias_v);
  }
};

}  // namespace

Tensor self_attention(const Tensor& qkv, const SelfAttention& how) {
  variable_list inputs = {qkv};
  if (how.bias_k.defined()) inputs.insert(inputs.end(), {how.bias_k, how.bias_v});
  return Attention::apply(at::TensorList(inputs), how.n_heads, how.causal);
}

}  // namespace pandagpt::train
