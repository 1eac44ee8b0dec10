// One of ImageBind's towers as a ggml graph: stem, transformer, head, post-processing.
//
// Girdhar et al., "ImageBind" (arXiv:2305.05665); reference: imagebind/models/imagebind_model.py.
// Letters of shapes: E width, T tokens, N inputs of a batch, J width of the joint space; an input
// is (C, F, H, W): channels, frames, height, width, each 1 where it makes no sense.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "encoders/imagebind_config.h"
#include "encoders/transformer_layers.h"
#include "tensor/graph.h"

namespace pandagpt {

/// Throws Error(kModel) naming the first tensor that is missing or of the wrong shape. Reads no
/// weights.
void check_tower_tensors(const GgufFile& file, const TowerConfig& config);

/// What a tower gives for a batch.
struct TowerFeatures {
  std::vector<float> embeddings;  ///< (N, J): of length 1, times the tower's scale
  /// After each block, if asked for: (N, T, E).
  std::vector<std::vector<float>> blocks;
};

/// A tower with its weights. Not thread-safe; graphs are built for each new batch size.
class ImageBindGraph {
 public:
  /// `layers` must have been made for `file` and `backend`, of which `backend` must outlive the
  /// object, and `file` for the text tower only. Throws Error(kModel) if tensors do not fit.
  ImageBindGraph(const GgufFile& file, const TowerConfig& config, const ComputeBackend& backend,
                 std::unique_ptr<TransformerLayerFactory> layers);
  ~ImageBindGraph();

  const TowerConfig& config() const;

  /// All towers but text. `values` is (N, C, F, H, W), or (N, C, H, W) of still pictures, which
  /// are taken for F equal frames. Throws Error(kUsage) for another length.
  TowerFeatures run(std::span<const float> values, int n, bool with_blocks = false);

  /// The text tower. `tokens` is (N, context_length); the embedding is that of the largest number's
  /// place, the end token. Throws Error(kUsage) for another length or a number that the vocabulary
  /// does not have.
  TowerFeatures run_text(std::span<const std::int32_t> tokens, int n, bool with_blocks = false);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
