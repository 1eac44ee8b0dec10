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
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pandagpt/error.h"
#include "pandagpt/export.h"
#include "pandagpt/input.h"

namespace pandagpt {

struct EmbedderOptions {
  int n_threads = 0;           ///< 0: one a physical core
  std::string device = "cpu";  ///< "auto": a GPU where there is one
  int max_batch = 8;      ///< batch size of pictures and of texts; doesn't bound memory (embed)
  bool use_cache = true;  ///< inputs of the same content aren't encoded again (PandaOptions)
  std::string cache_file = {};  ///< the same on disk; the fingerprint is kept there in any case
};

/// What became of one input: a row or an error.
struct EmbedResult {
  std::vector<float> row = {};      ///< (width), as embed() gives it; empty if there is an error
  std::optional<Error> error = {};  ///< why the input can't be embedded
};

/// May be shared by threads: they decode and preprocess side by side, and what has gathered while
/// the encoders were busy is encoded in one batch.
class PANDAGPT_API Embedder {
 public:
  /// `model` is a model folder, the name of one in the model path, or an encoders file (*.gguf).
  /// Throws Error(kModel) if it can't be used, Error(kUsage) for an unknown device.
  explicit Embedder(const std::string& model, const EmbedderOptions& options = {});
  ~Embedder();
  Embedder(Embedder&&) noexcept;
  Embedder& operator=(Embedder&&) noexcept;

  /// Name of the model folder, or of the encoders file.
  const std::string& name() const;
  /// Embedding dimension.
  int width() const;
  /// Whether the encoders have a tower for it.
  bool takes(Modality modality) const;
  bool takes_text() const;
  /// Changes with the weights and with everything that is done to an input before them.
  const std::string& fingerprint() const;

  /// (inputs, width), row-major. Each row is L2-normalised, then multiplied by its modality's logit
  /// scale, as ImageBind does. Input weights are not applied.
  /// The memory it takes doesn't grow with the number of inputs. Throws Error(kInput) for the first
  /// input that can't be read, Error(kModel) for one without a tower.
  std::vector<float> embed(const Inputs& inputs) const;
  /// The same, but an input that can't be embedded doesn't stop the others: each has its own
  /// result, in the order of the inputs. Throws only what no input is to blame for
  /// (Error(kInternal), std::bad_alloc while encoding).
  std::vector<EmbedResult> embed_each(const Inputs& inputs) const;

  /// (texts, width), as embed() of texts in UTF-8. Throws Error(kModel) without a text tower,
  /// Error(kInput) for a text of more than 64 KiB.
  std::vector<float> embed_texts(std::span<const std::string> texts) const;
  /// The same for each text by itself, as embed_each() does.
  std::vector<EmbedResult> embed_texts_each(std::span<const std::string> texts) const;

  /// (width): the sum of the inputs' embeddings, each brought to length 1 and times its weight;
  /// brought to length 1 if it is not zero. Throws as embed(), and Error(kUsage) without inputs.
  std::vector<float> combine(const Inputs& inputs) const;

 private:
  class PANDAGPT_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
