#include "encoders/conv_layers.h"
#include "encoders/encoder_keys.h"
#include "tensor/image_ops.h"
#include "tensor/transpose.h"

namespace pandagpt {
namespace {

constexpr float kRelu6Limit = 6.0F;

ggml_tensor* clamp_relu6(GraphBuilder& builder, ggml_tensor* x) {
  return ggml_clamp(builder.context(), x, 0.0F, kRelu6Limit);
}

/// Zeros around the picture's [C, W, H, N] for windows placed by the 'SAME' rule.
ggml_tensor* pad_same(GraphBuilder& builder, ggml_tensor* x, int kernel, int stride) {
  const SameWindow across = same_window(x->ne[1], kernel, stride);
  const SameWindow down = same_window(x->ne[2], kernel, stride);
  if (across.pad_before + across.pad_after + down.pad_before + down.pad_after == 0) return x;
  return ggml_pad_ext(builder.context(), x, 0, 0, static_cast<int>(across.pad_before),
                      static_cast<int>(across.pad_after), static_cast<int>(down.pad_before),
                      static_cast<int>(down.pad_after), 0, 0);
}

/// [C, W, H, N] seen as [W, H, C, N], and back.
ggml_tensor* channels_first(GraphBuilder& builder, ggml_tensor* x) {
  return ggml_permute(builder.context(), x, 2, 0, 1, 3);
}
ggml_tensor* channels_last(GraphBuilder& builder, ggml_tensor* x) {
  return ggml_permute(builder.context(), x, 1, 2, 0, 3);
}

class StockConv : public ConvLayer {
 public:
  StockConv(int kernel, int stride, ggml_tensor* weight, ggml_tensor* bias)
      : kernel_(kernel), stride_(stride), weight_(weight), bias_(bias) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor*) override {
    ggml_context* context = builder.context();
    x = ggml_cont(context, channels_first(builder, pad_same(builder, x, kernel_, stride_)));
    // Not ggml_conv_2d, which rounds the windows to 16 bits.
    x = ggml_im2col(context, weight_, x, stride_, stride_, 0, 0, 1, 1, true, GGML_TYPE_F32);
    x = ggml_mul_mat(context, ggml_reshape_2d(context, weight_, x->ne[0], weight_->ne[3]), x);
    return clamp_relu6(builder, ggml_add(context, x, bias_));
  }

 private:
  int kernel_;
  int stride_;
  ggml_tensor* weight_;  // [K, K, C_in, C_out]
  ggml_tensor* bias_;    // [C_out]
};

class StockDepthwise : public ConvLayer {
 public:
  StockDepthwise(int kernel, int stride, ggml_tensor* weight, ggml_tensor* bias)
      : kernel_(kernel), stride_(stride), weight_(weight), bias_(bias) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor*) override {
    ggml_context* context = builder.context();
    x = channels_first(builder, pad_same(builder, x, kernel_, stride_));
    // The operator works on channels-last memory when the view says so; the weight must match.
    ggml_tensor* weight = ggml_permute(context, weight_, 3, 2, 0, 1);  // [K, K, 1, C]
    x = ggml_conv_2d_dw_direct(context, weight, x, stride_, stride_, 0, 0, 1, 1);
    x = ggml_cont(context, channels_last(builder, x));
    return clamp_relu6(builder, ggml_add(context, x, bias_));
  }

 private:
  int kernel_;
  int stride_;
  ggml_tensor* weight_;  // [C, 1, K, K]
  ggml_tensor* bias_;    // [C]
};

class StockPointwise : public ConvLayer {
 public:
  StockPointwise(ggml_tensor* weight, ggml_tensor* bias, bool clamped)
      : weight_(weight), bias_(bias), clamped_(clamped) {}
  ggml_tensor* apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* residual) override {
    ggml_context* context = builder.context();
    const std::int64_t w = x->ne[1];
    const std::int64_t h = x->ne[2];
    const std::int64_t n = x->ne[3];
    x = ggml_mul_mat(context, weight_, ggml_reshape_2d(context, x, x->ne[0], w * h * n));
    x = ggml_add(context, ggml_reshape_4d(context, x, x->ne[0], w, h, n), bias_);
    if (clamped_) x = clamp_relu6(builder, x);
    return residual ? ggml_add(context, x, residual) : x;
  }

 private:
  ggml_tensor* weight_;  // [C_in, C_out]
  ggml_tensor* bias_;    // [C_out]
  bool clamped_;
};

class PortableLayers : public ConvLayerFactory {
 public:
  PortableLayers(const GgufFile& file, const ComputeBackend& backend)
      : file_(file), weights_(backend) {}

  std::unique_ptr<ConvLayer> conv(const std::string& name, int kernel, int stride, int c_in,
                                  int c_out) override {
    const std::vector<float> stored =
        file_.read_f32(encoder_keys::weight_name(name), {c_in, kernel, kernel, c_out});
    const std::vector<float> weight =
        transpose_each(stored, c_out, std::size_t(kernel) * kernel, c_in);
    return std::make_unique<StockConv>(
        kernel, stride, weights_.add({kernel, kernel, c_in, c_out}, weight), bias(name, c_out));
  }

  std::unique_ptr<ConvLayer> depthwise(const std::string& name, int kernel, int stride,
                                       int channels) override {
    const std::vector<float> weight =
        file_.read_f32(encoder_keys::weight_name(name), {channels, kernel, kernel});
    return std::make_unique<StockDepthwise>(
        kernel, stride, weights_.add({channels, 1, kernel, kernel}, weight), bias(name, channels));
  }

  std::unique_ptr<ConvLayer> pointwise(const std::string& name, int c_in, int c_out,
                                       bool clamped) override {
    const TensorShape shape{c_in, c_out};
    return std::make_unique<StockPointwise>(
        weights_.add(shape, file_.read_f32(encoder_keys::weight_name(name), shape)),
        bias(name, c_out), clamped);
  }

  ggml_tensor* pool(GraphBuilder& builder, ggml_tensor* x) override {
    ggml_context* context = builder.context();
    const std::int64_t c = x->ne[0];
    const std::int64_t n = x->ne[3];
    x = ggml_reshape_3d(context, x, c, x->ne[1] * x->ne[2], n);
    x = ggml_mean(context, ggml_cont(context, ggml_transpose(context, x)));  // [1, C, N]
    return ggml_reshape_2d(context, x, c, n);
  }

  void finish() override { weights_.upload(); }

 private:
  ggml_tensor* bias(const std::string& name, int channels) {
    return weights_.add({channels}, file_.read_f32(encoder_keys::bias_name(name), {channels}));
  }

  const GgufFile& file_;
  WeightStore weights_;
};

}  // namespace

std::unique_ptr<ConvLayerFactory> make_portable_layers(const GgufFile& file,
                                                       const ComputeBackend& backend) {
  return std::make_unique<PortableLayers>(file, backend);
}

}  // namespace pandagpt
