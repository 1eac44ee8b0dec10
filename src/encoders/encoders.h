// The encoders of a model folder: media tensors -> embeddings in the joint space.
//
//   Encoders encoders("models/panda-mini/encoders.gguf", {.n_threads = 2});
//   std::vector<float> rows = encoders.encode_pictures(pixels, n);  // (n, encoders.n_embd())
//   rows = encoders.encode(TowerKind::kAudio, clips, 1, 3);             // a recording of three
//   clips
//
// One file holds any subset of the towers; which ones, their sizes, the preprocessing constants and
// the post-processing are read from its metadata (docs in encoder_keys.h, imagebind_config.h).
// Weights of ImageBind's towers are loaded when a tower is first used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoders/tower_kind.h"
#include "media/image.h"
#include "preprocess/image.h"
#include "tensor/compute_type.h"

namespace pandagpt {

struct EncoderOptions {
  int n_threads = 0;      ///< CPU threads; 0: one a physical core
  int max_batch = 8;      ///< larger requests are computed in parts of this size
  bool portable = false;  ///< stock ggml operators only (slower on CPUs; the cross-check in tests)
  /// ImageBind towers on the CPU: the numbers in which their products are computed.
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

  /// Width of the joint space: the length of every embedding.
  int n_embd() const;
  /// EncoderOptions::max_batch.
  int max_batch() const;

  /// Whether inputs of this kind can be encoded.
  bool has(TowerKind tower) const;
  std::vector<TowerKind> towers() const;

  /// Embeddings of inputs that consist of several views each (clips of a recording, crops of a
  /// film), averaged over the views after post-processing, as the reference does: (n_inputs,
  /// n_embd). `values` holds the ready tensors back to back, (n_inputs, n_views, view).
  /// A view of ImageBind-Huge is, in the order of the reference: vision (3, 224, 224) or, of a
  /// film, (3, 2, 224, 224); audio (1, 128, 204); depth and thermal (1, 224, 224); imu (6, 2000).
  /// Throws Error(kModel) if there is no such tower, Error(kUsage) if the number of values does not
  /// fit or the tower is text, Error(kInput) if one of them is not a finite number.
  std::vector<float> encode(TowerKind tower, std::span<const float> values, int n_inputs,
                            int n_views = 1);

  /// Length of one view's tensor: of a still picture for vision, 0 for text.
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
  /// Tokens of a text, 77 for ImageBind.
  int context_length() const;

  /// How a picture becomes the tensor that the vision tower takes. Throws Error(kModel) without a
  /// vision tower, as all that follows.
  const ImageTransform& image_transform() const;
  /// The order of such a tensor that is encoded without being rearranged.
  TensorLayout picture_layout() const;

  /// (n, n_embd) of n pictures' tensors, (n, view_length(TowerKind::kVision)) in that order. Throws
  /// as encode().
  std::vector<float> encode_pictures(const float* pixels, int n);
  /// (n, n_embd) after post-processing: L2-normalised, times the scale of the file.
  std::vector<float> encode_images(std::span<const Image> images);
  /// The same from ready tensors. `pixels` is (n, size, size, 3) as to_tensor writes it (kHwc).
  std::vector<float> encode_image_tensors(const float* pixels, int n);

  /// (n, n_image_features()): what a convolutional vision tower makes its embeddings of, without
  /// post-processing. Throws Error(kUsage) if the vision tower is a transformer (ImageBind's).
  std::vector<float> image_features(std::span<const Image> images);
  int n_image_features() const;
  /// (n, n_image_features()): the same of grey pictures (n, height, width), as towers that share
  /// the vision tower's trunk see theirs (encoders/shared_trunk.h).
  std::vector<float> plane_features(std::span<const float> values, int n, int height, int width);
  /// (n, cells, cells, n_image_features()): the features before pooling, without post-processing.
  /// Throws Error(kUsage) if the vision tower has no such grid (ImageBind's).
  std::vector<float> image_grid(const float* pixels, int n);
  /// Side of that grid (7 for 224 pixels).
  int grid_cells() const;

  /// (n, labels().size()): scores of the classifier that the vision tower came with.
  /// Throws Error(kUsage) if the file has none.
  std::vector<float> image_logits(std::span<const Image> images);
  std::vector<float> image_tensor_logits(const float* pixels, int n);
  /// Names of the classes; empty without a classifier.
  const std::vector<std::string>& labels() const;

  /// Changes whenever weights, preprocessing or post-processing change: the key of feature caches.
  /// Computed on the first call (one pass over the file, unless options.file_sha256 knows better).
  const std::string& fingerprint() const;

  /// What else changes an embedding in its last digits: the device and, on the CPU, the numbers in
  /// which it computes.
  std::string arithmetic() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
