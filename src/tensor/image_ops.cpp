#include "tensor/image_ops.h"

#include <algorithm>
#include <cstring>

#include "core/cpu_clones.h"
#include "pandagpt/error.h"
#include "tensor/share.h"

namespace pandagpt {
namespace {

constexpr std::int64_t kLanes =
    16;  // channels computed together: one AVX-512 or two AVX2 registers
constexpr float kRelu6Limit = 6.0F;

// GCC and Clang lower this to whatever registers the target has. The alignment is that of a float,
// since a picture's rows start anywhere.
using Lanes =
    float __attribute__((vector_size(kLanes * sizeof(float)), aligned(alignof(float)), may_alias));

inline const Lanes& lanes_at(const float* p) {
  return *reinterpret_cast<const Lanes*>(p);
}

struct PatchesState {
  int kernel;
  int stride;
  SameWindow across;
  SameWindow down;
};

void compute_patches(ggml_tensor* out, int thread, int n_threads, void* user) {
  const auto* state = static_cast<const PatchesState*>(user);
  const ggml_tensor* in = out->src[0];
  const std::int64_t c = in->ne[0];
  const std::int64_t w = in->ne[1];
  const std::int64_t h = in->ne[2];
  const auto* x = static_cast<const float*>(in->data);
  auto* y = static_cast<float*>(out->data);
  const auto [begin, end] = share_of(out->ne[2] * out->ne[3], thread, n_threads);
  for (std::int64_t row = begin; row < end; ++row) {
    const float* picture = x + row / out->ne[2] * (c * w * h);
    const std::int64_t top = row % out->ne[2] * state->stride - state->down.pad_before;
    float* patch = y + row * out->ne[1] * out->ne[0];
    for (std::int64_t ox = 0; ox < out->ne[1]; ++ox) {
      const std::int64_t left = ox * state->stride - state->across.pad_before;
      const std::int64_t first = std::max<std::int64_t>(left, 0);
      const std::int64_t last = std::min<std::int64_t>(left + state->kernel, w);
      for (int ky = 0; ky < state->kernel; ++ky, patch += state->kernel * c) {
        const std::int64_t iy = top + ky;
        if (iy < 0 || iy >= h || first != left || last != left + state->kernel)
          std::fill(patch, patch + state->kernel * c, 0.0F);
        if (iy < 0 || iy >= h || first >= last) continue;
        std::memcpy(patch + (first - left) * c, picture + (iy * w + first) * c,
                    (last - first) * c * sizeof(float));
      }
    }
  }
}

/// One output row of a depthwise convolution.
struct DepthwiseRow {
  const float* picture;  ///< (h, w, c)
  const float* weight;   ///< (channel blocks, kernel, kernel, kLanes)
  const float* bias;     ///< (channel blocks, kLanes)
  float* out;            ///< (out_w, c)
  std::int64_t c;
  std::int64_t w;
  std::int64_t h;
  std::int64_t out_w;
  std::int64_t top;  ///< the windows' first row in the picture; may be negative
  std::int64_t pad_left;
};

/// The part of a window of kKernel pixels at `start` that lies inside of [0, size).
template <int kKernel>
inline __attribute__((always_inline)) Share inside_of(std::int64_t start, std::int64_t size) {
  return {std::max<std::int64_t>(-start, 0), std::min<std::int64_t>(kKernel, size - start)};
}

/// kLanes channels of one output row. The weights of a block stay in registers along the row.
template <int kKernel, int kStride>
inline __attribute__((always_inline)) void block_row(const DepthwiseRow& row, std::int64_t block) {
  constexpr int kTaps = kKernel * kKernel;
  const float* weight_at = row.weight + block * kTaps * kLanes;
  Lanes weight[kTaps];
  for (int tap = 0; tap < kTaps; ++tap)
    weight[tap] = lanes_at(weight_at + tap * kLanes);
  const Lanes bias = lanes_at(row.bias + block * kLanes);
  const Lanes zero{};
  const Lanes limit = zero + kRelu6Limit;
  const Share down = inside_of<kKernel>(row.top, row.h);
  const bool rows_inside = down.end - down.begin == kKernel;
  float* out = row.out + block * kLanes;
  for (std::int64_t ox = 0; ox < row.out_w; ++ox, out += row.c) {
    const std::int64_t left = ox * kStride - row.pad_left;
    // May lie outside of the picture; the pixels that are read do not.
    const std::int64_t window = (row.top * row.w + left) * row.c + block * kLanes;
    Lanes sum = bias;
    if (rows_inside && left >= 0 && left + kKernel <= row.w) {
      for (int ky = 0; ky < kKernel; ++ky)
        for (int kx = 0; kx < kKernel; ++kx)
          sum += weight[ky * kKernel + kx] *
                 lanes_at(row.picture + (window + (ky * row.w + kx) * row.c));
    } else {
      const Share across = inside_of<kKernel>(left, row.w);
      for (std::int64_t ky = down.begin; ky < down.end; ++ky)
        for (std::int64_t kx = across.begin; kx < across.end; ++kx)
          sum += lanes_at(weight_at + (ky * kKernel + kx) * kLanes) *
                 lanes_at(row.picture + (window + (ky * row.w + kx) * row.c));
    }
    sum = sum > zero ? sum : zero;
    *reinterpret_cast<Lanes*>(out) = sum < limit ? sum : limit;
  }
}

/// The channels of the last block when it is not full, one by one.
template <int kKernel, int kStride>
inline __attribute__((always_inline)) void rest_of_row(const DepthwiseRow& row,
                                                       std::int64_t block) {
  const Share down = inside_of<kKernel>(row.top, row.h);
  for (std::int64_t ox = 0; ox < row.out_w; ++ox) {
    const std::int64_t left = ox * kStride - row.pad_left;
    const Share across = inside_of<kKernel>(left, row.w);
    for (std::int64_t i = 0; block * kLanes + i < row.c; ++i) {
      const float* weight = row.weight + block * kKernel * kKernel * kLanes + i;
      const std::int64_t channel = block * kLanes + i;
      float sum = row.bias[channel];
      for (std::int64_t ky = down.begin; ky < down.end; ++ky)
        for (std::int64_t kx = across.begin; kx < across.end; ++kx)
          sum += weight[(ky * kKernel + kx) * kLanes] *
                 row.picture[((row.top + ky) * row.w + left + kx) * row.c + channel];
      row.out[ox * row.c + channel] = std::clamp(sum, 0.0F, kRelu6Limit);
    }
  }
}

template <int kKernel, int kStride>
inline __attribute__((always_inline)) void depthwise_row(const DepthwiseRow& row) {
  const std::int64_t full_blocks = row.c / kLanes;
  for (std::int64_t block = 0; block < full_blocks; ++block)
    block_row<kKernel, kStride>(row, block);
  if (row.c % kLanes != 0) rest_of_row<kKernel, kStride>(row, full_blocks);
}

PANDAGPT_CPU_CLONES void depthwise_3x3_stride1(const DepthwiseRow& row) {
  depthwise_row<3, 1>(row);
}
PANDAGPT_CPU_CLONES void depthwise_3x3_stride2(const DepthwiseRow& row) {
  depthwise_row<3, 2>(row);
}
PANDAGPT_CPU_CLONES void depthwise_5x5_stride1(const DepthwiseRow& row) {
  depthwise_row<5, 1>(row);
}
PANDAGPT_CPU_CLONES void depthwise_5x5_stride2(const DepthwiseRow& row) {
  depthwise_row<5, 2>(row);
}

using DepthwiseKernel = void (*)(const DepthwiseRow&);

/// nullptr for a combination that has no kernel.
DepthwiseKernel depthwise_kernel(int kernel, int stride) {
  if (kernel == 3)
    return stride == 1 ? depthwise_3x3_stride1 : stride == 2 ? depthwise_3x3_stride2 : nullptr;
  if (kernel == 5)
    return stride == 1 ? depthwise_5x5_stride1 : stride == 2 ? depthwise_5x5_stride2 : nullptr;
  return nullptr;
}

PANDAGPT_CPU_CLONES void add_pixels(const float* pixels, std::int64_t count, std::int64_t c,
                                    float* sum) {
  for (std::int64_t pixel = 0; pixel < count; ++pixel, pixels += c)
    for (std::int64_t i = 0; i < c; ++i)
      sum[i] += pixels[i];
}

void compute_mean(ggml_tensor* out, int thread, int n_threads, void*) {
  const ggml_tensor* in = out->src[0];
  const std::int64_t c = in->ne[0];
  const std::int64_t pixels = in->ne[1] * in->ne[2];
  const auto [begin, end] = share_of(in->ne[3], thread, n_threads);
  for (std::int64_t n = begin; n < end; ++n) {
    float* mean = static_cast<float*>(out->data) + n * c;
    std::fill(mean, mean + c, 0.0F);
    add_pixels(static_cast<const float*>(in->data) + n * c * pixels, pixels, c, mean);
    for (std::int64_t i = 0; i < c; ++i)
      mean[i] /= static_cast<float>(pixels);
  }
}

}  // namespace

SameWindow same_window(std::int64_t in, std::int64_t kernel, std::int64_t stride) {
  SameWindow window;
  window.out = (in + stride - 1) / stride;
  const std::int64_t padding = std::max<std::int64_t>((window.out - 1) * stride + kernel - in, 0);
  window.pad_before = padding / 2;
  window.pad_after = padding - window.pad_before;
  return window;
}

ggml_tensor* extract_patches(GraphBuilder& builder, ggml_tensor* x, int kernel, int stride) {
  const PatchesState* state = builder.keep(std::make_unique<PatchesState>(
      PatchesState{kernel, stride, same_window(x->ne[1], kernel, stride),
                   same_window(x->ne[2], kernel, stride)}));
  ggml_tensor* arguments[] = {x};
  return ggml_custom_4d(builder.context(), GGML_TYPE_F32, x->ne[0] * kernel * kernel,
                        state->across.out, state->down.out, x->ne[3], arguments, 1, compute_patches,
                        GGML_N_TASKS_MAX, const_cast<PatchesState*>(state));
}

DepthwiseConv::DepthwiseConv(int kernel, int stride, std::int64_t channels,
                             std::span<const float> weight, std::span<const float> bias)
    : kernel_(kernel), stride_(stride), channels_(channels) {
  const std::int64_t taps = std::int64_t{kernel} * kernel;
  if (!depthwise_kernel(kernel, stride))
    throw Error(ErrorKind::kModel, "a depthwise convolution of " + std::to_string(kernel) +
                                       " pixels and stride " + std::to_string(stride) +
                                       " is not supported (3 or 5, and 1 or 2)");
  if (static_cast<std::int64_t>(weight.size()) != taps * channels ||
      static_cast<std::int64_t>(bias.size()) != channels)
    throw Error(ErrorKind::kInternal, "a depthwise convolution's weights do not have its sizes");
  const std::int64_t blocks = (channels + kLanes - 1) / kLanes;
  weight_.assign(blocks * taps * kLanes, 0.0F);
  bias_.assign(blocks * kLanes, 0.0F);
  for (std::int64_t i = 0; i < channels; ++i) {
    const std::int64_t block = i / kLanes;
    bias_[i] = bias[i];
    for (std::int64_t tap = 0; tap < taps; ++tap)
      weight_[(block * taps + tap) * kLanes + i % kLanes] = weight[tap * channels + i];
  }
}

void DepthwiseConv::compute(ggml_tensor* out, int thread, int n_threads, void* state) {
  const auto* layer = static_cast<const DepthwiseConv*>(state);
  const ggml_tensor* in = out->src[0];
  const DepthwiseKernel kernel = depthwise_kernel(layer->kernel_, layer->stride_);
  const std::int64_t pad_top = same_window(in->ne[2], layer->kernel_, layer->stride_).pad_before;
  DepthwiseRow row{};
  row.weight = layer->weight_.data();
  row.bias = layer->bias_.data();
  row.c = in->ne[0];
  row.w = in->ne[1];
  row.h = in->ne[2];
  row.out_w = out->ne[1];
  row.pad_left = same_window(in->ne[1], layer->kernel_, layer->stride_).pad_before;
  const auto [begin, end] = share_of(out->ne[2] * out->ne[3], thread, n_threads);
  for (std::int64_t i = begin; i < end; ++i) {
    row.picture = static_cast<const float*>(in->data) + i / out->ne[2] * (row.c * row.w * row.h);
    row.top = i % out->ne[2] * layer->stride_ - pad_top;
    row.out = static_cast<float*>(out->data) + i * row.out_w * row.c;
    kernel(row);
  }
}

ggml_tensor* DepthwiseConv::apply(GraphBuilder& builder, ggml_tensor* x) const {
  if (x->ne[0] != channels_ || !ggml_is_contiguous(x))
    throw Error(ErrorKind::kInternal, "a depthwise convolution's input has the wrong shape");
  ggml_tensor* arguments[] = {x};
  return ggml_custom_4d(builder.context(), GGML_TYPE_F32, channels_,
                        same_window(x->ne[1], kernel_, stride_).out,
                        same_window(x->ne[2], kernel_, stride_).out, x->ne[3], arguments, 1,
                        compute, GGML_N_TASKS_MAX, const_cast<DepthwiseConv*>(this));
}

ggml_tensor* mean_over_pixels(GraphBuilder& builder, ggml_tensor* x) {
  ggml_tensor* arguments[] = {x};
  return ggml_custom_4d(builder.context(), GGML_TYPE_F32, x->ne[0], x->ne[3], 1, 1, arguments, 1,
                        compute_mean, GGML_N_TASKS_MAX, nullptr);
}

}  // namespace pandagpt
