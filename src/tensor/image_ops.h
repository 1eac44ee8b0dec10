// Convolutions over channels-last pictures as custom operators of a ggml graph.
//
// A picture is [channels, width, height, n]: the channels of one pixel lie side by side. Windows
// are placed by TensorFlow's 'SAME' rule: out = ceil(in / stride), and of the padding that this
// needs, the smaller half comes first (left, above).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/graph.h"

namespace pandagpt {

/// Window places along one side of a picture.
struct SameWindow {
  std::int64_t out = 0;         ///< number of windows
  std::int64_t pad_before = 0;  ///< zeros before the first pixel
  std::int64_t pad_after = 0;   ///< zeros after the last one
};
SameWindow same_window(std::int64_t in, std::int64_t kernel, std::int64_t stride);

/// Cuts [c, w, h, n] into windows: [c * kernel * kernel, w', h', n], in the order (y, x, channel).
ggml_tensor* extract_patches(GraphBuilder& builder, ggml_tensor* x, int kernel, int stride);

/// A depthwise convolution with a bias, clamped to [0, 6].
class DepthwiseConv {
 public:
  /// `weight` is (kernel, kernel, channels), `bias` (channels). Throws Error(kInternal).
  DepthwiseConv(int kernel, int stride, std::int64_t channels, std::span<const float> weight,
                std::span<const float> bias);

  /// [channels, w, h, n] -> [channels, w', h', n]. The layer must outlive the graph.
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x) const;

 private:
  static void compute(ggml_tensor* out, int thread, int n_threads, void* state);

  int kernel_;
  int stride_;
  std::int64_t channels_;
  std::vector<float> weight_;  ///< (channel blocks, kernel, kernel, kLanes): zeros after the last
  std::vector<float> bias_;    ///< (channel blocks, kLanes)
};

/// Mean over the pixels: [c, w, h, n] -> [c, n].
ggml_tensor* mean_over_pixels(GraphBuilder& builder, ggml_tensor* x);

}  // namespace pandagpt
