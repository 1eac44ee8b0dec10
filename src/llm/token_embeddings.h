// The language model's embeddings of its tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "tensor/gguf_file.h"

namespace pandagpt {

/// (n_vocab, n_embd) of a language model's file.
inline constexpr char kTokenEmbeddings[] = "token_embd.weight";

/// llama.cpp takes either tokens or embeddings in one go. Whoever knows the embeddings of tokens
/// can give it both: a prompt with an input in it then reads the weights once instead of three
/// times.
class TokenEmbeddings {
 public:
  /// The table of the model at `path`; null if embeddings given to llama.cpp wouldn't be the same
  /// to it as the tokens are (it scales those of some architectures), or if the file has no such
  /// table.
  static std::unique_ptr<const TokenEmbeddings> open(const std::filesystem::path& path);

  int n_embd() const { return static_cast<int>(table_.shape[0]); }
  /// The bits that llama.cpp looks up for `token`, 0 <= token < n_vocab, to `row` (n_embd).
  void copy(std::int32_t token, std::span<float> row) const;

 private:
  explicit TokenEmbeddings(std::unique_ptr<const GgufFile> file);

  std::unique_ptr<const GgufFile> file_;
  const GgufTensor& table_;  // of `file_`
};

/// Whether the adapter at `path` changes what tokens are looked up as.
bool adapts_token_embeddings(const std::filesystem::path& path);

}  // namespace pandagpt
