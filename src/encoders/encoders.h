// The encoders of a model folder: media tensors -> embeddings in the joint space.
//
//   Encoders encoders("models/panda-mini/encoders.gguf", {.n_threads = 2});
//   std::vector<float> rows = encoders.encode_images(images);  // (n, encoders.n_embd())
//
// One file holds any subset of the towers; which ones, their sizes, the preprocessing constants and
// the post-processing are read from its metadata (docs in encoder_keys.h).
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "media/image.h"
#include "preprocess/image.h"

namespace pandagpt {

struct EncoderOptions {
  int n_threads = 0;      ///< CPU threads; 0: one a physical core
  int max_batch = 8;      ///< larger requests are computed in parts of this size
  bool portable = false;  ///< stock ggml operators only (slower on CPUs; the cross-check in tests)
};

/// Not thread-safe: one call at a time for each object.
class Encoders {
 public:
  /// Throws Error(kModel) if the file can't be used.
  explicit Encoders(const std::filesystem::path& path, const EncoderOptions& options = {});
  ~Encoders();
  Encoders(Encoders&&) noexcept;
  Encoders& operator=(Encoders&&) noexcept;

  /// Width of the joint space: the length of every embedding.
  int n_embd() const;

  /// How a picture becomes the tensor that `encode_image_tensors` takes.
  const ImageTransform& image_transform() const;

  /// (n, n_embd) after post-processing: L2-normalised, times the scale of the file.
  std::vector<float> encode_images(std::span<const Image> images);
  /// The same from ready tensors. `pixels` is (n, size, size, 3) as to_tensor writes it (kHwc).
  std::vector<float> encode_image_tensors(const float* pixels, int n);

  /// (n, cells, cells, n_embd): the features before pooling, without post-processing.
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
  /// Computed on the first call (one pass over the file).
  const std::string& fingerprint() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
