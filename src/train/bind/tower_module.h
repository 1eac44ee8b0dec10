// A tower of ImageBind's kind with trainable weights: the same model as the inference graph of
// encoders/imagebind_graph.h, in libtorch.
//
// Letters: N inputs, T tokens, E width, J width of the joint space.
#pragma once

#include <map>
#include <string>

#include "encoders/imagebind_config.h"
#include "train/bind/trainable.h"

namespace pandagpt::train {

class TowerModule : public TrainableEncoder {
 public:
  /// Random weights from torch's generator. `input_scale` (channels; empty: ones) is what input
  /// values are multiplied with, e.g. 1 / their root mean square; it is folded into the stem's
  /// weights when they are written. `merges` are the text tower's, for its file.
  TowerModule(const TowerConfig& config, torch::ScalarType compute, torch::Tensor input_scale = {},
              std::vector<std::string> merges = {});

  /// Takes the weights of a tower of the same sizes. Throws Error(kModel) naming the tensor that is
  /// missing or of another shape.
  void load(const GgufFile& file);

  const TowerConfig& config() const { return config_; }

  TowerKind tower() const override { return config_.tower; }
  /// `batch.values`: (N, channels * frames * height * width) in this order, with one frame for
  /// still pictures, or tokens (N, context).
  torch::Tensor forward(const EncoderBatch& batch) const override;
  Noise draw_noise(std::int64_t n, const NoiseOptions& options, Random& random) const override;
  NamedTensors parameters() const override;
  void write(GgufWriter& writer, const NamedTensors& values, double output_scale,
             ExportType type) const override;

 private:
  /// By the name in an encoders file.
  const torch::Tensor& weight(const std::string& name) const;
  torch::Tensor norm(const torch::Tensor& x, const std::string& name, double epsilon) const;
  torch::Tensor linear_layer(const torch::Tensor& x, const std::string& name) const;
  /// Values of one patch's elements, (patch_length), of input_scale_.
  torch::Tensor patch_scale() const;
  torch::Tensor embed_patches(const torch::Tensor& values, const Noise& noise) const;
  torch::Tensor embed_tokens(const torch::Tensor& tokens) const;
  /// (N, T, E) -> (N, T, E), or (N, 1, E): the selected token of each input alone.
  torch::Tensor block(const torch::Tensor& x, int index, const Noise& noise,
                      const torch::Tensor& selected) const;

  TowerConfig config_;
  torch::ScalarType compute_;
  torch::Tensor input_scale_;  // (channels); undefined for text
  std::vector<std::string> merges_;
  std::map<std::string, torch::Tensor> weights_;
};

}  // namespace pandagpt::train
