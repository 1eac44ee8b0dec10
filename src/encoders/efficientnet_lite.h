// EfficientNet-Lite as a ggml graph: the vision trunk of panda-mini.
//
// Tan & Le, "EfficientNet" (arXiv:1905.11946); the Lite variants have ReLU6 and neither swish nor
// squeeze-and-excitation (tensorflow/tpu, models/official/efficientnet/lite). Letters of shapes:
// C channels, W width, H height, N pictures.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/gguf_file.h"
#include "tensor/graph.h"

namespace pandagpt {

/// One inverted bottleneck: expand (1x1), depthwise, project (1x1), and a shortcut around them when
/// the shape stays the same.
struct BottleneckConfig {
  int kernel = 3;  ///< side of the depthwise window, pixels
  int stride = 1;  ///< of the depthwise window, pixels
  int expand = 1;  ///< factor of the channels inside; 1: there is no expand layer
  int in_channels = 0;
  int out_channels = 0;

  int inner_channels() const { return in_channels * expand; }
  bool has_shortcut() const { return stride == 1 && in_channels == out_channels; }
};

struct EfficientNetConfig {
  int image_size = 224;  ///< pixels
  int stem_channels = 32;
  int stem_kernel = 3;
  int stem_stride = 2;
  int head_channels = 1280;  ///< width of the pooled features
  int n_classes = 0;         ///< 0: no classifier
  int embedding_hidden = 0;  ///< hidden width of the embedding's layers; 0: there is one layer
  int embedding_width = 0;   ///< 0: the pooled features are the embedding
  std::vector<BottleneckConfig> blocks;

  /// Width of the joint space.
  int n_embd() const { return embedding_width > 0 ? embedding_width : head_channels; }
};

/// Whether the file's vision tower is such a trunk.
bool has_trunk(const GgufFile& file);

/// Reads the sizes from the metadata. Throws Error(kModel) on missing keys and impossible values.
EfficientNetConfig read_efficientnet_config(const GgufFile& file);

/// Everything the trunk can give for a batch. What was not asked for stays empty.
struct EfficientNetFeatures {
  std::vector<float> pooled;      ///< (N, head_channels)
  std::vector<float> grid;        ///< (N, cells, cells, head_channels): before pooling
  std::vector<float> logits;      ///< (N, n_classes)
  std::vector<float> embeddings;  ///< (N, n_embd), before they are brought to a length
};

/// Which outputs are wanted besides `pooled`.
struct EfficientNetRequest {
  bool grid = false;
  bool logits = false;
  bool embeddings = false;
};

/// The trunk with its weights. Not thread-safe; graphs are built on first use of each batch size.
class EfficientNetLite {
 public:
  /// `portable` uses stock ggml operators only. `backend` must outlive the object; the file need
  /// not. Throws Error(kModel) if a tensor is missing or has the wrong shape.
  EfficientNetLite(const GgufFile& file, const ComputeBackend& backend, bool portable);
  ~EfficientNetLite();

  const EfficientNetConfig& config() const;

  /// `pixels` is (N, H, W, 3), normalised.
  EfficientNetFeatures run(const float* pixels, int n, const EfficientNetRequest& request = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
