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
  const bool from_bf16 = in->type == GGML_TYPE_BF16;
  const std::int64_t in_bytes = row_bytes(row_format(in), n);
  const std::int64_t out_bytes = row_bytes(row_format(out), n);
  auto* wide = static_cast<float*>(thread_scratch(n * std::int64_t{sizeof(float)}));
  const auto [begin, end] = share_of(ggml_nrows(out), thread, n_threads);
  for (std::int64_t row = begin; row < end; ++row) {
    const auto* x = static_cast<const std::uint8_t*>(in->data) + row * in_bytes;
    auto* y = static_cast<std::uint8_t*>(out->data) + row * out_bytes;
    const auto* values = reinterpret_cast<const float*>(x);
    if (from_bf16) {
      float* target = out->type == GGML_TYPE_F32 ? reinterpret_cast<float*>(y) : wide;
      kernels.from_bf16(n, reinterpret_cast<const std::uint16_t*>(x), target);
      values = target;
    }
    if (out->type == GGML_TYPE_I8) kernels.quantize(n, values, y);
    if (out->type == GGML_TYPE_BF16)
      kernels.to_bf16(n, values, reinterpret_cast<std::uint16_t*>(y));
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
  const ggml_type type = storage_type(format);
  return ggml_custom_4d(builder.context(), type, type == GGML_TYPE_I8 ? row_bytes(format, n) : n,
                        like->ne[1], like->ne[2], like->ne[3], arguments.data(),
                        static_cast<int>(arguments.size()), compute, GGML_N_TASKS_MAX, state);
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
