// What is trained: one encoder of the joint space, whatever it is made of.
#pragma once

#include <torch/types.h>

#include <memory>
#include <vector>

#include "encoders/tower_kind.h"
#include "tensor/gguf_file.h"
#include "train/checkpoint.h"
#include "train/export.h"
#include "train/random.h"

namespace pandagpt::train {

/// Masks of dropout and stochastic depth for N inputs. They are drawn once for a whole batch, so
/// that the result doesn't depend on the parts in which it is computed. Undefined: nothing is
/// dropped.
struct Noise {
  torch::Tensor drop_path;     ///< (N, 2 * blocks): factor of what a sub-layer adds: 0 or 1 / (1-p)
  torch::Tensor head_dropout;  ///< (N, width before the head): 0 or 1 / (1-p)
  torch::Tensor kept_patches;  ///< (N, K) int64: the patches that go in, of all

  Noise narrow(std::int64_t begin, std::int64_t count) const;
};

struct NoiseOptions {
  double drop_path = 0;      ///< Huang et al., arXiv:1603.09382; rising linearly over the blocks
  double head_dropout = 0;   ///< before the head, as ImageBind's IMU tower has it
  double patch_dropout = 0;  ///< share of the patches (Liu et al., arXiv:2212.00794)
};

/// N inputs of one encoder, ready to be embedded.
struct EncoderBatch {
  torch::Tensor values;  ///< float32 (N, view), features (N, F), or int64 tokens (N, context)
  Noise noise;

  std::int64_t size() const { return values.size(0); }
  EncoderBatch narrow(std::int64_t begin, std::int64_t count) const {
    return {values.narrow(0, begin, count), noise.narrow(begin, count)};
  }
};

/// (n, width) of Noise::head_dropout; undefined for p = 0.
torch::Tensor dropout_factors(std::int64_t n, std::int64_t width, double p, Random& random);

class TrainableEncoder {
 public:
  virtual ~TrainableEncoder() = default;

  virtual TowerKind tower() const = 0;
  /// -> (N, J), before they are brought to length 1. Differentiable in the parameters.
  virtual torch::Tensor forward(const EncoderBatch& batch) const = 0;
  virtual Noise draw_noise(std::int64_t n, const NoiseOptions& options, Random& random) const = 0;

  /// Everything that a checkpoint has to hold; what is trained requires a gradient. Names are
  /// unique over all encoders.
  virtual NamedTensors parameters() const = 0;
  /// Metadata and tensors for an encoders file. `values` stands for parameters(), e.g. their
  /// average over time; `output_scale` is the length of exported embeddings (1 for a vision
  /// transformer, whose graph has no such number).
  virtual void write(GgufWriter& writer, const NamedTensors& values, double output_scale,
                     ExportType type) const = 0;
};

}  // namespace pandagpt::train
