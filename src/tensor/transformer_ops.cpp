#include "tensor/transformer_ops.h"

#include <algorithm>
#include <cmath>

#include "pandagpt/error.h"
#include "tensor/row_kernels.h"
#include "tensor/row_tensor.h"
#include "tensor/share.h"

namespace pandagpt {

LayerNorm::LayerNorm(std::span<const float> weight, std::span<const float> bias, float epsilon)
    : weight_(weight.begin(), weight.end()), bias_(bias.begin(), bias.end()), epsilon_(epsilon) {
  if (weight_.empty() || weight_.size() != bias_.size())
    throw Error(ErrorKind::kInternal, "a normalisation's weights do not have its width");
}

ggml_tensor* LayerNorm::apply(GraphBuilder& builder, ggml_tensor* x) const {
  const auto width = static_cast<std::int64_t>(weight_.size());
  if (x->ne[0] != width || x->type != GGML_TYPE_F32 || !ggml_is_contiguous(x))
    throw Error(ErrorKind::kInternal, "a normalisation's input has the wrong shape");
  const auto make = [this, &builder, x, width](RowFormat format) {
    ggml_tensor* argument = x;
    return new_rows(builder, format, width, x, {&argument, 1}, compute,
                    const_cast<LayerNorm*>(this));
  };
  ggml_tensor* y = make(RowFormat::kF32);
  set_recipe(builder, y, make);
  return y;
}

void LayerNorm::compute(ggml_tensor* out, int thread, int n_threads, void* state) {
  const auto* layer = static_cast<const LayerNorm*>(state);
  const auto n = static_cast<std::int64_t>(layer->weight_.size());
  const RowKernels& kernels = row_kernels();
  const RowFormat format = row_format(out);
  auto* normed = static_cast<float*>(thread_scratch(rows_bytes(RowFormat::kF32, 1, n)));
  const std::int64_t rows = ggml_nrows(out->src[0]);
  const auto [begin, end] = share_of(rows, thread, n_threads);
  for (std::int64_t row = begin; row < end; ++row) {
    const float* x = static_cast<const float*>(out->src[0]->data) + row * n;
    float* y = format == RowFormat::kF32 ? static_cast<float*>(out->data) + row * n : normed;
    kernels.layer_norm(n, x, layer->weight_.data(), layer->bias_.data(), layer->epsilon_, y);
    if (format == RowFormat::kBf16)
      kernels.to_bf16(n, y, static_cast<std::uint16_t*>(out->data) + row * n);
    if (format == RowFormat::kInt8) {
      const QuantizedRows quantized = quantized_rows(out, rows, n);
      kernels.quantize(n, y, quantized.values + row * n, quantized.quantization + row);
    }
  }
}

Attention::Attention(std::int64_t width, int n_heads, bool causal, std::span<const float> bias_k,
                     std::span<const float> bias_v)
    : width_(width),
      n_heads_(n_heads),
      causal_(causal),
      bias_k_(bias_k.begin(), bias_k.end()),
      bias_v_(bias_v.begin(), bias_v.end()) {
  const bool bias_fits = bias_k_.empty() || static_cast<std::int64_t>(bias_k_.size()) == width;
  if (width < 1 || n_heads < 1 || width % n_heads != 0 || !bias_fits ||
      bias_k_.size() != bias_v_.size())
    throw Error(ErrorKind::kInternal, "an attention's heads do not divide its width");
}

ggml_tensor* Attention::apply(GraphBuilder& builder, ggml_tensor* qkv) const {
  if (qkv->ne[0] != 3 * width_ || !ggml_is_contiguous(qkv))
    throw Error(ErrorKind::kInternal, "an attention's input has the wrong shape");
  const auto make = [this, &builder, qkv](RowFormat format) -> ggml_tensor* {
    if (format == RowFormat::kInt8) return nullptr;
    ggml_tensor* argument = in_format(builder, qkv, format);
    return new_rows(builder, format, width_, qkv, {&argument, 1}, compute,
                    const_cast<Attention*>(this));
  };
  ggml_tensor* y = make(RowFormat::kF32);
  set_recipe(builder, y, make);
  return y;
}

void Attention::compute(ggml_tensor* out, int thread, int n_threads, void* state) {
  const auto* layer = static_cast<const Attention*>(state);
  const ggml_tensor* qkv = out->src[0];
  const RowKernels& kernels = row_kernels();
  AttentionHead head{};
  head.is_bf16 = qkv->type == GGML_TYPE_BF16;
  head.stride = qkv->ne[0];
  head.n_tokens = qkv->ne[1];
  head.head_size = layer->width_ / layer->n_heads_;
  head.scale = 1.0F / std::sqrt(static_cast<float>(head.head_size));
  head.causal = layer->causal_;
  head.y_stride = layer->width_;
  head.scratch = thread_scratch(kernels.attention_scratch_bytes(head.n_tokens, head.head_size));

  const std::int64_t element = element_bytes(row_format(qkv));
  const std::int64_t n_blocks = (head.n_tokens + kQueryBlock - 1) / kQueryBlock;
  const auto [begin, end] = share_of(qkv->ne[2] * layer->n_heads_ * n_blocks, thread, n_threads);
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t sequence = i / n_blocks / layer->n_heads_;
    const std::int64_t channel = i / n_blocks % layer->n_heads_ * head.head_size;
    if (i == begin || i % n_blocks == 0) {
      const std::int64_t first = sequence * head.n_tokens;
      const auto* q =
          static_cast<const std::uint8_t*>(qkv->data) + (first * head.stride + channel) * element;
      head.q = q;
      head.k = q + layer->width_ * element;
      head.v = q + 2 * layer->width_ * element;
      head.y = static_cast<std::uint8_t*>(out->data) + (first * layer->width_ + channel) * element;
      head.bias_k = layer->bias_k_.empty() ? nullptr : layer->bias_k_.data() + channel;
      head.bias_v = layer->bias_v_.empty() ? nullptr : layer->bias_v_.data() + channel;
      kernels.pack_head(head);
    }
    const std::int64_t query = i % n_blocks * kQueryBlock;
    kernels.attend_queries(head, query, std::min(query + kQueryBlock, head.n_tokens));
  }
}

}  // namespace pandagpt
