// The projector: one linear layer from the joint embedding space into the language model's, and
// perhaps a lexicon beside it.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/lexicon.h"

namespace pandagpt {

/// Const after loading; may be used by several threads at once.
class Projector {
 public:
  /// Throws Error(kModel) if a key or tensor is missing or of another shape.
  explicit Projector(const std::filesystem::path& path);

  /// Prompt positions that all inputs of a turn share: the linear layer's outputs are summed.
  int n_image_tokens() const { return n_image_tokens_; }
  /// Further positions, one set for each input: the lexicon's.
  int n_words() const { return lexicon_ ? lexicon_->n_words() : 0; }
  /// Null without one.
  const Lexicon* lexicon() const { return lexicon_ ? &*lexicon_ : nullptr; }
  int n_in() const { return n_in_; }
  int n_embd() const { return n_embd_; }

  /// (n_in) -> (n_image_tokens + n_words, n_embd), row-major. Throws Error(kModel) if the size
  /// differs.
  std::vector<float> project(std::span<const float> embedding) const;

  /// The sum over i of weights[i] * project(row i), as the reference joins several inputs, and
  /// behind it each one's words times its weight. `rows` is (inputs, n_in), `weights` (inputs), the
  /// result (n_image_tokens + inputs x n_words, n_embd). Empty without inputs.
  std::vector<float> project_sum(std::span<const float> rows, std::span<const float> weights) const;

 private:
  int n_image_tokens_ = 0;
  int n_in_ = 0;
  int n_embd_ = 0;
  std::vector<float> weight_;  // (rows of the linear layer, n_in)
  std::vector<float> bias_;    // (rows of the linear layer)
  std::optional<Lexicon> lexicon_;
};

}  // namespace pandagpt
