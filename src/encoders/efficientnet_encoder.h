// panda-mini's vision tower: EfficientNet-Lite with what comes after it.
#pragma once

#include <string>
#include <vector>

#include "encoders/efficientnet_lite.h"
#include "tensor/gguf_file.h"
#include "tensor/graph.h"

namespace pandagpt {

/// Not thread-safe. Pixels are (n, size, size, 3), normalised.
class EfficientNetEncoder {
 public:
  /// `max_batch` bounds what is computed at a time. `backend` must outlive the object; the file
  /// need not. Throws Error(kModel) if metadata or tensors do not fit.
  EfficientNetEncoder(const GgufFile& file, const ComputeBackend& backend, bool portable,
                      int max_batch);

  int image_size() const { return trunk_.config().image_size; }
  int grid_cells() const { return trunk_.config().grid_cells(); }
  const std::vector<std::string>& labels() const { return labels_; }

  /// Width of the pooled features, and of the grid's.
  int n_features() const { return trunk_.config().head_channels; }

  /// (n, n_embd): of length 1 if the file says so, times its scale.
  std::vector<float> embed(const float* pixels, int n);
  /// (n, n_features): what the embedding is made of, without post-processing.
  std::vector<float> pooled(const float* pixels, int n);
  /// (n, cells, cells, n_features): the same before pooling.
  std::vector<float> grid(const float* pixels, int n);
  /// (n, labels().size()). Throws Error(kUsage) without a classifier.
  std::vector<float> logits(const float* pixels, int n);

 private:
  std::vector<float> in_batches(const float* pixels, int n, const EfficientNetRequest& request,
                                std::vector<float> EfficientNetFeatures::*wanted);

  EfficientNetLite trunk_;
  int max_batch_;
  std::vector<std::string> labels_;
  bool normalize_ = true;
  float scale_ = 1.0F;
};

}  // namespace pandagpt
