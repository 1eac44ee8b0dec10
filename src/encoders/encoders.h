// The encoders of a model folder: media tensors -> embeddings in the joint space.
//
//   Encoders encoders("models/panda-mini/encoders.gguf", {.n_threads = 2});
//   const MediaTransforms transforms = encoders.transforms();
//   std::vector<float> pixels = picture_tensors(photos, transforms);
//   std::vector<float> rows = encoders.encode(TowerKind::kVision, pixels, n);  // (n, n_embd())
//   rows = encoders.encode(TowerKind::kAudio, clips, 1, 3);  // a recording of three clips
//
// One file holds any subset of the towers, of one architecture or several (tower_registry.h).
// Sizes, preprocessing constants and post-processing are read from its metadata (encoder_keys.h).
// Weights of transformers are loaded when a tower is first used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoders/tower.h"
#include "encoders/tower_kind.h"
#include "pandagpt/input.h"
#include "preprocess/media_transforms.h"
#include "tensor/compute_type.h"

namespace pandagpt {

struct EncoderOptions {
  int n_threads = 0;      ///< CPU threads; 0: one a physical core
  int max_batch = 8;      ///< larger requests are computed in parts of this size
  bool portable = false;  ///< stock ggml operators only (slower on CPUs; the cross-check in tests)
  /// Transformers on the CPU: the type in which their products are computed.
  ComputeType compute_type = ComputeType::kAuto;
  std::string device = "cpu";          ///< "auto" or one of compute_devices() (tensor/devices.h)
  std::vector<TowerKind> towers = {};  ///< use only these; empty: all that the file has
  /// How fingerprint() gets the SHA-256 of the file, e.g. from a store of known ones.
  std::function<std::string(const std::filesystem::path&)> file_sha256 = {};
};

/// Not thread-safe: one call at a time for each object.
class Encoders {
 public:
  /// Checks all towers' metadata and the shapes of their tensors. Throws Error(kModel) if the file
  /// can't be used or lacks one of options.towers, Error(kUsage) for an unknown device.
  explicit Encoders(const std::filesystem::path& path, const EncoderOptions& options = {});
  ~Encoders();
  Encoders(Encoders&&) noexcept;
  Encoders& operator=(Encoders&&) noexcept;

  /// Dimension of the joint space: the length of every embedding.
  int n_embd() const;
  /// EncoderOptions::max_batch.
  int max_batch() const;

  bool has(TowerKind tower) const;
  std::vector<TowerKind> towers() const;
  /// The tower that inputs of a modality go to, whether there is one or not.
  TowerKind tower_of(Modality modality) const;

  /// How inputs become the views that encode() takes: as the towers say, the rest as in ImageBind.
  const MediaTransforms& transforms() const;

  /// (n_inputs, n_embd) of inputs that consist of several views each (clips of a recording, crops
  /// of a film), averaged over the views after post-processing, as the reference does. `values`
  /// holds (n_inputs, n_views, view) back to back. The order of a view's values is that which
  /// transforms() gives; of ImageBind-Huge: vision (3, 224, 224) or, of a film, (3, 2, 224, 224);
  /// audio (1, 128, 204); depth and thermal (1, 224, 224); imu (6, 2000).
  /// Throws Error(kModel) if there is no such tower, Error(kUsage) if the number of values does not
  /// fit or the tower is text, Error(kInput) if one of them is not a finite number.
  std::vector<float> encode(TowerKind tower, std::span<const float> values, int n_inputs,
                            int n_views = 1);

  /// Length of one view's tensor: of a still picture for vision, 0 for text. Throws Error(kModel)
  /// if there is no such tower.
  std::size_t view_length(TowerKind tower) const;

  /// (n, n_embd). `tokens` is (n, context_length()). Throws as `encode`, and Error(kUsage) for a
  /// token that the vocabulary does not have.
  std::vector<float> encode_text(std::span<const std::int32_t> tokens, int n);
  /// (n, n_embd) of texts in UTF-8, cut to context_length() tokens. Throws as `encode_text` and
  /// `tokens`.
  std::vector<float> encode_texts(std::span<const std::string> texts);
  /// (context_length()) of one text. Throws Error(kInput) if it is too long to be cut,
  /// Error(kModel) if the file has no text tower or no tokenizer of its size.
  std::vector<std::int32_t> tokens(const std::string& text);
  /// Tokens of a text, 77 for ImageBind. Throws Error(kModel) without a text tower.
  int context_length() const;

  /// The vision tower's convolutional trunk with its classifier. Throws Error(kModel) without a
  /// vision tower, Error(kUsage) if that has none (ImageBind's).
  ImageTrunk& trunk();

  /// Changes whenever weights, preprocessing or post-processing change: the key of feature caches.
  /// Computed on the first call (one pass over the file, unless options.file_sha256 knows better).
  const std::string& fingerprint() const;

  /// Device, compute type and, on the CPU, the instruction set: what else changes an embedding in
  /// its last digits.
  std::string numerics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
