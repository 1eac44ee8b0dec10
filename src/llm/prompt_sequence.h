// What a language model is to see before it answers, in a form that can be compared with what it
// has seen already.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pandagpt {

/// Projected inputs: (n_image_tokens, n_embd) floats, row-major.
struct PromptMedia {
  std::string
      key;  ///< SHA-256 of the values: equal for what is the same to the model, and only then
  std::vector<float> values;
};

using PromptMediaPtr = std::shared_ptr<const PromptMedia>;

/// Values with their key.
PromptMediaPtr make_prompt_media(std::vector<float> values);

struct PromptSequence {
  /// Token ids; the negative number -1 - i stands for media[i], once for each of its positions.
  std::vector<std::int32_t> tokens;
  std::vector<PromptMediaPtr> media;

  void add(std::span<const std::int32_t> more) {
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  /// Media of `n_positions` positions.
  void add(PromptMediaPtr one, std::size_t n_positions) {
    media.push_back(std::move(one));
    tokens.insert(tokens.end(), n_positions, -static_cast<std::int32_t>(media.size()));
  }

  static bool is_media(std::int32_t token) { return token < 0; }
  const PromptMedia& media_of(std::int32_t token) const {
    return *media.at(static_cast<std::size_t>(-1 - token));
  }

  /// Which row of its media stands at position `at`.
  std::size_t media_row(std::size_t at) const {
    std::size_t first = at;
    while (first > 0 && tokens[first - 1] == tokens[at])
      --first;
    return at - first;
  }

  /// How many positions at the beginning mean the same to the model.
  std::size_t common_prefix(const PromptSequence& other) const {
    const std::size_t limit = std::min(tokens.size(), other.tokens.size());
    std::size_t at = 0;
    while (at < limit && same_at(at, other))
      ++at;
    return at;
  }

 private:
  bool same_at(std::size_t at, const PromptSequence& other) const {
    if (!is_media(tokens[at])) return tokens[at] == other.tokens[at];
    return is_media(other.tokens[at]) &&
           media_of(tokens[at]).key == other.media_of(other.tokens[at]).key;
  }
};

}  // namespace pandagpt
