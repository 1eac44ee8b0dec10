// A projector's lexicon: names of things, as the language model would read them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tensor/gguf_file.h"

namespace pandagpt {

/// Retrieval by attention over N names, with keys in the joint space and values in the language
/// model's space of token embeddings (tensor/panda_weights.h). A linear projector maps an input
/// between two names to the mean of their tokens, which is no token; this gives the token
/// embeddings of the nearest names. Const after loading.
class Lexicon {
 public:
  /// That of a projector file; nothing if it has none. Throws Error(kModel) if it is incomplete or
  /// of other sizes.
  static std::optional<Lexicon> read(const GgufFile& file, int n_in, int n_embd);

  int n_words() const { return n_words_; }
  const std::vector<std::string>& names() const { return names_; }

  /// (n_in) -> the names' shares (N), which add up to 1.
  std::vector<float> shares(std::span<const float> embedding) const;
  /// (n_in) -> `words` (n_words, n_embd), row-major.
  void look_up(std::span<const float> embedding, std::span<float> words) const;

 private:
  Lexicon() = default;

  int n_words_ = 0;
  std::vector<std::string> names_;
  std::vector<float> keys_;   // (N, n_in)
  std::vector<float> bias_;   // (N)
  std::vector<float> words_;  // (N, n_words * n_embd)
};

}  // namespace pandagpt
