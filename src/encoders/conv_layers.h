// The layers of a convolutional trunk, in two realisations with the same results.
#pragma once

#include <memory>
#include <string>

#include "tensor/gguf_file.h"
#include "tensor/graph.h"

namespace pandagpt {

/// One convolution with its bias, clamped to [0, 6] or not. Pictures are [C, W, H, N].
class ConvLayer {
 public:
  virtual ~ConvLayer() = default;
  /// `residual` (of the result's shape, or nullptr) is added last; pointwise layers only.
  virtual ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x,
                             ggml_tensor* residual = nullptr) = 0;
};

/// Makes layers out of the tensors NAME.weight and NAME.bias of a file, checking their shapes.
class ConvLayerFactory {
 public:
  virtual ~ConvLayerFactory() = default;

  /// A full convolution: [c_in, W, H, N] -> [c_out, W', H', N], clamped.
  virtual std::unique_ptr<ConvLayer> conv(const std::string& name, int kernel, int stride, int c_in,
                                          int c_out) = 0;
  virtual std::unique_ptr<ConvLayer> depthwise(const std::string& name, int kernel, int stride,
                                               int channels) = 0;
  /// A 1x1 convolution, or a linear layer over [c_in, N].
  virtual std::unique_ptr<ConvLayer> pointwise(const std::string& name, int c_in, int c_out,
                                               bool clamped) = 0;
  /// Mean over the pixels: [C, W, H, N] -> [C, N].
  virtual ggml_tensor* pool(GraphBuilder& builder, ggml_tensor* x) = 0;
  /// Call once, after the last layer was made.
  virtual void finish() {}
};

/// oneDNN and our own operators; CPU.
std::unique_ptr<ConvLayerFactory> make_cpu_layers(const GgufFile& file);
/// Stock ggml operators; any backend. The layers live as long as the factory.
std::unique_ptr<ConvLayerFactory> make_portable_layers(const GgufFile& file,
                                                       const ComputeBackend& backend);

/// One of the two: ours where the device can run it, unless `portable` ones are asked for.
inline std::unique_ptr<ConvLayerFactory> make_conv_layers(const GgufFile& file,
                                                          const ComputeBackend& backend,
                                                          bool portable) {
  return portable || !backend.is_cpu() ? make_portable_layers(file, backend)
                                       : make_cpu_layers(file);
}

}  // namespace pandagpt
