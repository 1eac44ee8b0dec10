// The layers from a frozen convolutional trunk's pooled features into the joint space.
#pragma once

#include <string>
#include <vector>

#include "encoders/imagebind_config.h"
#include "train/bind/trainable.h"

namespace pandagpt::train {

struct TrunkHeadConfig {
  TowerKind tower =
      TowerKind::kVision;       ///< others see their input through the vision tower's trunk
  PatchBox view = {};           ///< their input's height and width (encoders/shared_trunk.h)
  std::int64_t n_features = 0;  ///< F, of the trunk
  std::int64_t n_hidden = 0;    ///< of the layer between, with ReLU6; 0: none
  std::int64_t n_embd = 0;      ///< J, width of the joint space
  bool is_principal = false;    ///< the layer is use_principal_components() and isn't trained
};

/// features -> (hidden, ReLU6) -> embedding. Features are brought to mean 0 and deviation 1 by
/// fixed numbers, which are folded into the first layer when it is written. The exported layers are
/// those that encoders/efficientnet_lite.h and encoders/shared_trunk.h compute.
class TrunkHead : public TrainableEncoder {
 public:
  /// Random weights from torch's generator. `mean` and `deviation` (F) of the training features.
  TrunkHead(const TrunkHeadConfig& config, torch::Tensor mean, torch::Tensor deviation,
            torch::ScalarType compute);

  /// Takes the layers of a file that has such ones of these sizes. Throws Error(kModel).
  void load(const GgufFile& file);

  /// Makes the first J principal components of the brought features the embedding, for good: the
  /// space of the pictures stays as the trunk sees them, but centred, so that the embeddings of
  /// other senses can lie among those of pictures (without it they lie apart: the modality gap of
  /// arXiv:2203.02053). `features`: (n, F). Throws Error(kUsage) if there are fewer than J of them
  /// or J > F.
  void use_principal_components(const torch::Tensor& features);

  TowerKind tower() const override { return config_.tower; }
  /// `batch.values`: (N, F).
  torch::Tensor forward(const EncoderBatch& batch) const override;
  Noise draw_noise(std::int64_t n, const NoiseOptions& options, Random& random) const override;
  NamedTensors parameters() const override;
  void write(GgufWriter& writer, const NamedTensors& values, double output_scale,
             ExportType type) const override;

 private:
  struct Layer {
    std::string name;  ///< in the file
    torch::Tensor weight;
    torch::Tensor bias;
  };

  TrunkHeadConfig config_;
  torch::ScalarType compute_;
  torch::Tensor mean_;
  torch::Tensor deviation_;
  std::vector<Layer> layers_;
};

}  // namespace pandagpt::train
