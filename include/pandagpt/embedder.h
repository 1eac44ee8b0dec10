// Embeddings of pictures, films, sounds, sensor recordings and texts in one space, without a
// language model.
//
//   pandagpt::Embedder embedder("panda-mini");           // a model folder, its name, or an
//                                                        // encoders.gguf
//   pandagpt::Inputs inputs;
//   inputs.add_file(pandagpt::Modality::kImage, "dog.jpg");
//   inputs.add_file(pandagpt::Modality::kAudio, "bark.wav");
//   std::vector<float> rows = embedder.embed(inputs);    // (2, embedder.width())
//
// Similar things lie in similar directions: compare rows by their cosine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pandagpt/error.h"
#include "pandagpt/input.h"

namespace pandagpt {

struct EmbedderOptions {
  int n_threads = 0;           ///< 0: one a physical core
  std::string device = "cpu";  ///< "auto": a GPU where there is one
  int max_batch = 8;           ///< inputs of one kind that are computed in one go
};

/// May be shared by threads; inputs are decoded side by side and encoded one call after another.
class Embedder {
 public:
  /// `model` is a model folder, the name of one in the model path, or an encoders file (*.gguf).
  /// Throws Error(kModel) if it can't be used, Error(kUsage) for an unknown device.
  explicit Embedder(const std::string& model, const EmbedderOptions& options = {});
  ~Embedder();
  Embedder(Embedder&&) noexcept;
  Embedder& operator=(Embedder&&) noexcept;

  /// Name of the model folder, or of the encoders file.
  const std::string& name() const;
  /// Numbers of an embedding.
  int width() const;
  bool takes(Modality modality) const;
  bool takes_text() const;
  /// Changes with the weights and with everything that is done to an input before them.
  const std::string& fingerprint() const;

  /// (inputs, width) row-major: each of length 1 times the factor of its kind, which sets the
  /// sharpness of a softmax over scores (ImageBind's post-processing). Weights are not applied.
  /// Throws Error(kInput) for an input that can't be read, Error(kModel) for one without a tower.
  std::vector<float> embed(const Inputs& inputs) const;
  /// The same of texts, UTF-8. Throws Error(kModel) without a text tower.
  std::vector<float> embed_texts(std::span<const std::string> texts) const;

  /// (width): the sum of the inputs' embeddings, each brought to length 1 and times its weight;
  /// brought to length 1 if it is not zero. Throws as embed(), and Error(kUsage) without inputs.
  std::vector<float> combine(const Inputs& inputs) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
