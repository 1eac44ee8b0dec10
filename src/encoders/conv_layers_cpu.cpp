#include "encoders/conv_layers.h"
#include "encoders/encoder_keys.h"
#include "tensor/image_ops.h"
#include "tensor/onednn_linear.h"

namespace pandagpt {
namespace {

class PatchConv : public ConvLayer {
 public:
  PatchConv(int kernel, int stride, OnednnLinear linear)
      : kernel_(kernel), stride_(stride), linear_(std::move(linear)) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) override {
    return linear_.apply(builder, extract_patches(builder, x, kernel_, stride_), residual);
  }

 private:
  int kernel_;
  int stride_;
  OnednnLinear linear_;
};

class Depthwise : public ConvLayer {
 public:
  explicit Depthwise(DepthwiseConv conv) : conv_(std::move(conv)) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor*) override {
    return conv_.apply(builder, x);
  }

 private:
  DepthwiseConv conv_;
};

class Pointwise : public ConvLayer {
 public:
  explicit Pointwise(OnednnLinear linear) : linear_(std::move(linear)) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) override {
    return linear_.apply(builder, x, residual);
  }

 private:
  OnednnLinear linear_;
};

class CpuLayers : public ConvLayerFactory {
 public:
  explicit CpuLayers(const GgufFile& file) : file_(file) {}

  std::unique_ptr<ConvLayer> conv(const std::string& name, int kernel, int stride, int c_in,
                                  int c_out) override {
    const std::vector<float> weight =
        file_.read_f32(encoder_keys::weight_name(name), {c_in, kernel, kernel, c_out});
    return std::make_unique<PatchConv>(
        kernel, stride,
        OnednnLinear(std::int64_t{c_in} * kernel * kernel, c_out, weight, bias(name, c_out),
                     LinearActivation::kRelu6));
  }

  std::unique_ptr<ConvLayer> depthwise(const std::string& name, int kernel, int stride,
                                       int channels) override {
    const std::vector<float> weight =
        file_.read_f32(encoder_keys::weight_name(name), {channels, kernel, kernel});
    return std::make_unique<Depthwise>(
        DepthwiseConv(kernel, stride, channels, weight, bias(name, channels)));
  }

  std::unique_ptr<ConvLayer> pointwise(const std::string& name, int c_in, int c_out,
                                       bool clamped) override {
    const std::vector<float> weight =
        file_.read_f32(encoder_keys::weight_name(name), {c_in, c_out});
    return std::make_unique<Pointwise>(
        OnednnLinear(c_in, c_out, weight, bias(name, c_out),
                     clamped ? LinearActivation::kRelu6 : LinearActivation::kNone));
  }

  ggml_tensor* pool(GraphBuilder& builder, ggml_tensor* x) override {
    return mean_over_pixels(builder, x);
  }

 private:
  std::vector<float> bias(const std::string& name, int channels) const {
    return file_.read_f32(encoder_keys::bias_name(name), {channels});
  }

  const GgufFile& file_;
};

}  // namespace

std::unique_ptr<ConvLayerFactory> make_cpu_layers(const GgufFile& file) {
  return std::make_unique<CpuLayers>(file);
}

}  // namespace pandagpt
