// One encoder of an encoders file, whatever its architecture: ready tensors -> embeddings.
//
// An architecture is a file NAME_tower.cpp, which implements Tower or TextTower, and a line in
// tower_registry.cpp. Encoders (encoders.h) opens the towers of a file through that registry.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoders/tower_kind.h"
#include "preprocess/media_transforms.h"
#include "tensor/compute_type.h"
#include "tensor/gguf_file.h"
#include "tensor/graph.h"

namespace pandagpt {

/// The convolutional trunk of a vision tower: what its embeddings are made of.
class ImageTrunk {
 public:
  virtual ~ImageTrunk() = default;

  /// Side of the pictures, pixels.
  virtual int image_size() const = 0;
  virtual int n_features() const = 0;
  /// (n, n_features()) of n pictures (n, size, size, 3), without post-processing.
  virtual std::vector<float> features(const float* pixels, int n) = 0;

  /// Names of the classes of the classifier that the trunk came with; empty without one.
  virtual const std::vector<std::string>& labels() const = 0;
  /// (n, labels().size()), before softmax. Throws Error(kUsage) without a classifier.
  virtual std::vector<float> logits(const float* pixels, int n) = 0;
};

/// A tower for pictures, films, sounds or what sensors record. Not thread-safe.
class Tower {
 public:
  virtual ~Tower() = default;

  /// Writes into `transforms` how inputs become this tower's views: sizes, statistics, number of
  /// frames, order of the values. What it leaves alone stays as in ImageBind.
  virtual void set_transforms(MediaTransforms& transforms) const = 0;

  /// Values of one view; of a vision tower: of a still picture.
  virtual std::size_t view_length() const = 0;

  /// (n, n_embd) of n views that lie back to back, post-processed (brought to a length, scaled).
  /// `values` are finite and n is at least 1. A vision tower takes films, too, whose views have
  /// the frames that set_transforms() asked for. Throws Error(kUsage) if the number of values
  /// doesn't fit.
  virtual std::vector<float> encode(std::span<const float> values, int n) = 0;

  /// nullptr if it has none.
  virtual ImageTrunk* trunk() { return nullptr; }
};

/// A tower for texts. Not thread-safe.
class TextTower {
 public:
  virtual ~TextTower() = default;

  /// Tokens of a text as encode() takes it.
  virtual int context_length() const = 0;
  /// (context_length()) of a text in UTF-8, cut or padded. Throws Error(kInput) if it is too long
  /// to be cut, Error(kModel) if the file has no tokenizer of the tower's size.
  virtual std::vector<std::int32_t> tokens(const std::string& text) = 0;
  /// (n, n_embd), post-processed. `tokens` is (n, context_length()), n at least 1. Throws
  /// Error(kUsage) for a token that the vocabulary doesn't have.
  virtual std::vector<float> encode(std::span<const std::int32_t> tokens, int n) = 0;
};

/// What a tower is made from. File, backend and the other towers outlive it.
struct TowerSource {
  const GgufFile& file;
  const ComputeBackend& backend;
  bool is_portable = false;  ///< stock ggml operators only
  ComputeType compute_type = ComputeType::kAuto;
  int max_batch = 8;  ///< views or texts that are computed in one go
  /// The file's tower of another kind, opened if need be; nullptr if it has none.
  std::function<Tower*(TowerKind)> other = {};
};

}  // namespace pandagpt
