#include "tensor/row_tensor.h"

#include <cstdlib>
#include <memory>

#include "pandagpt/error.h"
#include "tensor/share.h"

namespace pandagpt {
namespace {

constexpr std::int64_t kAlignment = 64;

ggml_type storage_type(RowFormat format) {
  switch (format) {
    case RowFormat::kBf16:
      return GGML_TYPE_BF16;
    case RowFormat::kInt8:
      return GGML_TYPE_I8;
    default:
      return GGML_TYPE_F32;
  }
}

struct Conversion {
  std::int64_t n;  // channels
};

void compute_conversion(ggml_tensor* out, int thread, int n_threads, void* state) {
  const std::int64_t n = static_cast<const Conversion*>(state)->n;
  const RowKernels& kernels = row_kernels();
  const ggml_tensor* in = out->src[0];
  const std::int64_t rows = ggml_nrows(in);
  const auto* halves =
      in->type == GGML_TYPE_BF16 ? static_cast<const std::uint16_t*>(in->data) : nullptr;
  auto* wide = static_cast<float*>(thread_scratch(rows_bytes(RowFormat::kF32, 1, n)));
  const auto [begin, end] = share_of(rows, thread, n_threads);
  for (std::int64_t row = begin; row < end; ++row) {
    const float* x = static_cast<const float*>(in->data) + row * n;
    if (halves) {
      float* target = out->type == GGML_TYPE_F32 ? static_cast<float*>(out->data) + row * n : wide;
      kernels.from_bf16(n, halves + row * n, target);
      x = target;
    }
    if (out->type == GGML_TYPE_I8) {
      const QuantizedRows quantized = quantized_rows(out, rows, n);
      kernels.quantize(n, x, quantized.values + row * n, quantized.quantization + row);
    }
    if (out->type == GGML_TYPE_BF16)
      kernels.to_bf16(n, x, static_cast<std::uint16_t*>(out->data) + row * n);
  }
}

struct ScratchFree {
  void operator()(void* p) const { std::free(p); }
};

}  // namespace

void set_recipe(GraphBuilder& builder, ggml_tensor* tensor, RowRecipe recipe) {
  // ggml's CPU backend leaves the field alone in tensors of plain buffers.
  tensor->extra = builder.keep(std::make_unique<RowRecipe>(std::move(recipe)));
}

RowFormat row_format(const ggml_tensor* tensor) {
  switch (tensor->type) {
    case GGML_TYPE_F32:
      return RowFormat::kF32;
    case GGML_TYPE_BF16:
      return RowFormat::kBf16;
    case GGML_TYPE_I8:
      return RowFormat::kInt8;
    default:
      throw Error(ErrorKind::kInternal,
                  std::string("rows of the type ") + ggml_type_name(tensor->type));
  }
}

ggml_tensor* in_format(GraphBuilder& builder, ggml_tensor* x, RowFormat format) {
  if (row_format(x) == format) return x;
  if (!ggml_is_contiguous(x) || x->type == GGML_TYPE_I8)
    throw Error(ErrorKind::kInternal, "rows that can't be converted");
  if (x->extra) {
    const RowRecipe& recipe = *static_cast<const RowRecipe*>(x->extra);
    if (ggml_tensor* made = recipe(format)) return made;
    if (format == RowFormat::kInt8)
      if (ggml_tensor* half = recipe(RowFormat::kBf16)) x = half;
  }
  auto* state = builder.keep(std::make_unique<Conversion>(Conversion{x->ne[0]}));
  return new_rows(builder, format, x->ne[0], x, {&x, 1}, compute_conversion, state);
}

ggml_tensor* new_rows(GraphBuilder& builder, RowFormat format, std::int64_t n,
                      const ggml_tensor* like, std::span<ggml_tensor*> arguments,
                      ggml_custom_op_t compute, void* state) {
  const bool flat = format == RowFormat::kInt8;
  const std::int64_t ne0 = flat ? rows_bytes(format, ggml_nrows(like), n) : n;
  return ggml_custom_4d(builder.context(), storage_type(format), ne0, flat ? 1 : like->ne[1],
                        flat ? 1 : like->ne[2], flat ? 1 : like->ne[3], arguments.data(),
                        static_cast<int>(arguments.size()), compute, GGML_N_TASKS_MAX, state);
}

QuantizedRows quantized_rows(const ggml_tensor* tensor, std::int64_t rows, std::int64_t n) {
  auto* base = static_cast<std::uint8_t*>(tensor->data);
  return {base, reinterpret_cast<RowQuantization*>(base + quantization_offset(rows, n))};
}

void* thread_scratch(std::int64_t bytes) {
  thread_local std::unique_ptr<void, ScratchFree> memory;
  thread_local std::int64_t size = 0;
  if (bytes > size) {
    size = round_up(bytes, kAlignment);
    memory.reset(std::aligned_alloc(kAlignment, static_cast<std::size_t>(size)));
  }
  return memory.get();
}

}  // namespace pandagpt
