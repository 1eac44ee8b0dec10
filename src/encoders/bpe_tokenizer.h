// CLIP's byte-pair tokenizer, which ImageBind's text tower uses: SimpleTokenizer of
// imagebind/models/multimodal_preprocessors.py.
//
//   const BpeTokenizer tokenizer(file.get_str_array(encoder_keys::kTokenizerMerges), 77);
//   std::vector<std::int32_t> tokens = tokenizer.context("a photo of a dog");  // 77 of them
//
// Vocabulary: the 256 bytes, each inside and at the end of a word, then one token for each merge,
// then the marks of start and end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// Longest text that is taken, bytes. The tower reads some 300 of them.
inline constexpr std::size_t kMaxPromptBytes = 64 << 10;

/// Constant after construction: threads may share it.
class BpeTokenizer {
 public:
  /// `merges`: "left right" each, in order of their priority, "</w>" at the end of a word's last
  /// piece. Throws Error(kModel) for a merge of another form.
  BpeTokenizer(std::span<const std::string> merges, int context_length);
  ~BpeTokenizer();
  BpeTokenizer(BpeTokenizer&&) noexcept;
  BpeTokenizer& operator=(BpeTokenizer&&) noexcept;

  int vocab_size() const;
  int context_length() const;
  std::int32_t start_token() const;
  std::int32_t end_token() const;

  /// Tokens of a text of UTF-8 after the cleaning of clean_text.h, without the marks. Malformed
  /// bytes count as U+FFFD. Throws Error(kInput) above kMaxPromptBytes.
  std::vector<std::int32_t> encode(std::string_view text) const;

  /// What the tower takes: start mark, as many tokens as fit, end mark, zeros up to
  /// context_length().
  std::vector<std::int32_t> context(std::string_view text) const;

  /// The text of a token, "</w>" at a word's end; for messages and tests.
  /// Throws Error(kUsage) if there is none of this number.
  std::string token_text(std::int32_t token) const;

 private:
  class Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace pandagpt
