// What the search layer needs of a model; tests use made-up vectors.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pandagpt/embedder.h"
#include "search/store.h"

namespace pandagpt {

/// Used by several threads at once.
class SearchEncoder {
 public:
  virtual ~SearchEncoder() = default;
  virtual ModelStamp stamp() const = 0;
  virtual bool takes(Modality kind) const = 0;
  /// (inputs, width). Throws as Embedder::embed.
  virtual std::vector<float> embed(const Inputs& inputs) const = 0;
  /// As Embedder::embed_each.
  virtual std::vector<EmbedResult> embed_each(const Inputs& inputs) const = 0;
  /// (texts, width). Throws as Embedder::embed_texts.
  virtual std::vector<float> embed_texts(std::span<const std::string> texts) const = 0;
};

/// An Embedder, which must outlive this.
class EmbedderEncoder : public SearchEncoder {
 public:
  /// `model` is what the embedder was opened with.
  EmbedderEncoder(const Embedder& embedder, std::string model);

  ModelStamp stamp() const override;
  bool takes(Modality kind) const override;
  std::vector<float> embed(const Inputs& inputs) const override;
  std::vector<EmbedResult> embed_each(const Inputs& inputs) const override;
  std::vector<float> embed_texts(std::span<const std::string> texts) const override;

 private:
  const Embedder& embedder_;
  std::string model_;
};

}  // namespace pandagpt
