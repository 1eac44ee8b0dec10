#include "train/ops.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>
#include <numeric>

#include "train/kernels.h"
#include "train/torch_ops.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowGrain = 16;           // rows a thread takes at least
constexpr int64_t kElementGrain = 1 << 14;  // elements a thread takes at least
constexpr int64_t kLogitBlock = 256;        // rows of logits alive at a time: 50 MB at V = 49152

ConstActivation view(const Tensor& t) {
  return {t.data_ptr(), t.scalar_type() == torch::kBFloat16};
}
Activation view_mut(const Tensor& t) {
  return {t.data_ptr(), t.scalar_type() == torch::kBFloat16};
}

// Non-tensor arguments travel to the backward pass as integers: they belong to the model or to the
// batch, which outlive it.
template <class T>
int64_t handle(const T* pointer) {
  return reinterpret_cast<int64_t>(pointer);
}
template <class T>
const T& held(AutogradContext* ctx, const char* name) {
  return *reinterpret_cast<const T*>(ctx->saved_data[name].toInt());
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, double eps,
                        torch::ScalarType compute) {
    Tensor y = torch::empty_like(x, x.options().dtype(compute));
    Tensor rstd = torch::empty({x.size(0)}, torch::kFloat32);
    at::parallel_for(0, x.size(0), kRowGrain, [&](int64_t begin, int64_t end) {
      kernels().rms_norm(begin, end, x.size(1), x.data_ptr<float>(), weight.data_ptr<float>(),
                         static_cast<float>(eps), view_mut(y), rstd.data_ptr<float>());
    });
    ctx->save_for_backward({x, weight, rstd});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor dy = grads[0].contiguous();
    Tensor dx = torch::empty_like(saved[0]);
    at::parallel_for(0, dx.size(0), kRowGrain, [&](int64_t begin, int64_t end) {
      kernels().rms_norm_backward(begin, end, dx.size(1), view(dy), saved[0].data_ptr<float>(),
                                  saved[1].data_ptr<float>(), saved[2].data_ptr<float>(),
                                  dx.data_ptr<float>());
    });
    return {dx, Tensor(), Tensor(), Tensor()};
  }
};

struct Swiglu : torch::autograd::Function<Swiglu> {
  static Tensor forward(AutogradContext* ctx, const Tensor& gate_up) {
    const int64_t f = gate_up.size(1) / 2;
    Tensor y = torch::empty({gate_up.size(0), f}, gate_up.options());
    at::parallel_for(0, y.size(0), kRowGrain, [&](int64_t begin, int64_t end) {
      kernels().swiglu(begin, end, f, view(gate_up), view_mut(y));
    });
    ctx->save_for_backward({gate_up});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const Tensor gate_up = ctx->get_saved_variables()[0];
    const Tensor dy = grads[0].contiguous();
    Tensor d_gate_up = torch::empty_like(gate_up);
    at::parallel_for(0, dy.size(0), kRowGrain, [&](int64_t begin, int64_t end) {
      kernels().swiglu_backward(begin, end, gate_up.size(1) / 2, view(gate_up), view(dy),
                                view_mut(d_gate_up));
    });
    return {d_gate_up};
  }
};

uint64_t mask_key(const LoraContext& context, uint64_t site, std::size_t index) {
  uint64_t key = context.key + 0x9E3779B97F4A7C15ULL * (site * 8 + index + 1);
  key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9ULL;
  return key ^ (key >> 31);
}

uint64_t first_element(const Tensor& x, int64_t first_row) {
  return static_cast<uint64_t>(first_row) * static_cast<uint64_t>(x.size(1));
}

void add_dropped(const Tensor& x, const Tensor& sum, float p, uint64_t key, int64_t first_row) {
  if (p == 0.0F) {
    sum.add_(x);
    return;
  }
  if (runs_on_torch(x)) {
    sum.add_(torch_ops::dropped(x, p, key, first_row));
    return;
  }
  at::parallel_for(0, x.numel(), kElementGrain, [&](int64_t begin, int64_t end) {
    kernels().dropout_add(begin, end, view(x), view_mut(sum), p, key, first_element(x, first_row));
  });
}

struct LoraLinear : torch::autograd::Function<LoraLinear> {
  // `inputs` holds x, a0, b0, a1, b1, .. and, last, the residual if there is one: autograd only
  // sees tensors that are passed one by one or as a TensorList, so the structs are taken apart
  // here.
  static Tensor forward(AutogradContext* ctx, at::TensorList inputs, std::vector<int64_t> rows,
                        const FrozenLinear* linear, const LoraContext* context, int64_t site) {
    const torch::ScalarType compute = linear->compute;
    const Tensor& x = inputs[0];
    const bool has_residual = inputs.size() > 1 + 2 * rows.size();
    Tensor y;
    if (has_residual) {
      y = inputs[inputs.size() - 1].clone();
      linear->ready()->multiply_add(x, y);
    } else {
      y = linear->ready()->multiply(x, compute);
    }
    variable_list saved = {x};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Tensor a = inputs[1 + 2 * i].to(compute);
      const Tensor b = (inputs[2 + 2 * i] * context->scale).to(compute);
      const Tensor low =
          matmul(dropped(x, context->dropout, mask_key(*context, static_cast<uint64_t>(site), i),
                         context->first_row),
                 a.t(), compute);
      matmul_add(low, b.t(), y.narrow(1, rows[i], b.size(0)));
      saved.insert(saved.end(), {a, b, low});
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["rows"] = rows;
    ctx->saved_data["linear"] = handle(linear);
    // by value: a later pass may have another key or probability before this one's backward
    ctx->saved_data["scale"] = static_cast<double>(context->scale);
    ctx->saved_data["dropout"] = static_cast<double>(context->dropout);
    ctx->saved_data["key"] = static_cast<int64_t>(context->key);
    ctx->saved_data["first_row"] = context->first_row;
    ctx->saved_data["site"] = site;
    ctx->saved_data["has_residual"] = has_residual;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto& linear = held<FrozenLinear>(ctx, "linear");
    const LoraContext context{static_cast<float>(ctx->saved_data["scale"].toDouble()),
                              static_cast<float>(ctx->saved_data["dropout"].toDouble()),
                              static_cast<uint64_t>(ctx->saved_data["key"].toInt()),
                              ctx->saved_data["first_row"].toInt()};
    const auto site = static_cast<uint64_t>(ctx->saved_data["site"].toInt());
    const std::vector<int64_t> rows = ctx->saved_data["rows"].toIntVector();
    const Tensor& x = saved[0];
    const Tensor dy = grads[0].to(linear.compute).contiguous();
    const Tensor dx = linear.ready()->multiply_transposed(dy, linear.compute);
    variable_list result = {dx};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Tensor& a = saved[1 + 3 * i];
      const Tensor& b = saved[2 + 3 * i];  // already times the scale
      const Tensor& low = saved[3 + 3 * i];
      const uint64_t key = mask_key(context, site, i);
      const Tensor dy_rows = dy.narrow(1, rows[i], b.size(0));
      const Tensor d_low = matmul(dy_rows, b, linear.compute);
      result.push_back(
          matmul(d_low.t(), dropped(x, context.dropout, key, context.first_row), torch::kFloat32));
      result.push_back(matmul(dy_rows.t(), low, torch::kFloat32) * context.scale);
      add_dropped(matmul(d_low, a, linear.compute), dx, context.dropout, key, context.first_row);
    }
    if (ctx->saved_data["has_residual"].toBool()) result.push_back(grads[0]);
    result.insert(result.end(), 4, Tensor());  // rows, linear, context, site
    return result;
  }
};

struct LossSums {
  double loss = 0;
  int64_t n_correct = 0;
};

/// Writes the gradient of `logits` (M, V) to `d_logits`, if it is defined.
LossSums block_loss(const Tensor& logits, const Tensor& targets, double scale,
                    const Tensor& d_logits) {
  const int64_t m = logits.size(0);
  const int64_t v = logits.size(1);
  if (runs_on_torch(logits)) {
    const auto rows = torch_ops::row_losses(logits, targets, scale, d_logits.defined());
    if (d_logits.defined()) d_logits.copy_(rows.gradient);
    return {rows.loss, rows.n_correct};
  }
  std::vector<double> losses(static_cast<std::size_t>(m), 0.0);
  std::vector<int64_t> hits(static_cast<std::size_t>(m), 0);
  at::parallel_for(0, m, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      Activation row{nullptr, false};
      if (d_logits.defined()) {
        row = view_mut(d_logits);
        row.data = static_cast<char*>(row.data) + i * v * d_logits.element_size();
      }
      kernels().cross_entropy(v, logits.data_ptr<float>() + i * v, targets.data_ptr<int64_t>()[i],
                              static_cast<float>(scale), row, &losses[static_cast<std::size_t>(i)],
                              &hits[static_cast<std::size_t>(i)]);
    }
  });
  return {std::accumulate(losses.begin(), losses.end(), 0.0),
          std::accumulate(hits.begin(), hits.end(), int64_t{0})};
}

struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static Tensor forward(AutogradContext* ctx, const Tensor& hidden, const Tensor& targets,
                        const FrozenLinear* head, double normaliser, CrossEntropy* result,
                        bool needs_grad) {
    const int64_t n = hidden.size(0);
    Tensor d_hidden = needs_grad ? torch::empty_like(hidden) : Tensor();
    const auto weights = head->ready();  // once for all blocks
    for (int64_t begin = 0; begin < n; begin += kLogitBlock) {
      const int64_t m = std::min(kLogitBlock, n - begin);
      const Tensor logits = weights->multiply(hidden.narrow(0, begin, m), torch::kFloat32);
      const Tensor d_logits = needs_grad ? torch::empty_like(logits, hidden.options()) : Tensor();
      const LossSums sums =
          block_loss(logits, targets.narrow(0, begin, m), 1.0 / normaliser, d_logits);
      result->loss_total += sums.loss;
      result->n_correct += sums.n_correct;
      if (needs_grad)
        d_hidden.narrow(0, begin, m).copy_(weights->multiply_transposed(d_logits, head->compute));
    }
    result->n_labels = n;
    if (needs_grad) ctx->save_for_backward({d_hidden});
    return torch::full({}, result->loss_total / normaliser,
                       hidden.options().dtype(torch::kFloat32));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    Tensor d_hidden = ctx->get_saved_variables()[0];
    if (grads[0].item<float>() != 1.0F) d_hidden = d_hidden * grads[0];
    return {d_hidden, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor dropped(const Tensor& x, float p, uint64_t key, int64_t first_row) {
  if (p == 0.0F) return x;
  if (runs_on_torch(x)) return torch_ops::dropped(x, p, key, first_row);
  Tensor y = torch::empty_like(x);
  at::parallel_for(0, x.numel(), kElementGrain, [&](int64_t begin, int64_t end) {
    kernels().dropout(begin, end, view(x), view_mut(y), p, key, first_element(x, first_row));
  });
  return y;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, torch::ScalarType compute) {
  if (runs_on_torch(x)) return torch_ops::rms_norm(x, weight, eps, compute);
  return RmsNorm::apply(x, weight, eps, compute);
}

Tensor lora_linear(const Tensor& x, const FrozenLinear& linear, const std::vector<Lora>& loras,
                   const LoraContext& context, uint64_t site, const Tensor& residual) {
  variable_list inputs = {x};
  std::vector<int64_t> rows;
  for (const Lora& lora : loras) {
    inputs.insert(inputs.end(), {lora.a, lora.b});
    rows.push_back(lora.row);
  }
  if (residual.defined()) inputs.push_back(residual);
  return LoraLinear::apply(at::TensorList(inputs), rows, &linear, &context,
                           static_cast<int64_t>(site));
}

Tensor swiglu(const Tensor& gate_up) {
  return runs_on_torch(gate_up) ? torch_ops::swiglu(gate_up) : Swiglu::apply(gate_up);
}

CrossEntropy cross_entropy(const Tensor& hidden, const Tensor& targets, const FrozenLinear& head,
                           double normaliser) {
  CrossEntropy result;
  const bool needs_grad = torch::GradMode::is_enabled() && hidden.requires_grad();
  result.loss_sum = CrossEntropyFunction::apply(hidden.contiguous(), targets, &head, normaliser,
                                                &result, needs_grad);
  return result;
}

}  // namespace pandagpt::train
