// The vocabulary of a LLaMA-type folder of transformers, in llama.cpp's terms.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tensor/gguf_file.h"

namespace pandagpt {

struct LlamaVocabulary {
  std::vector<std::string> tokens;   ///< one a row of the embeddings
  std::vector<float> scores;         ///< as many
  std::vector<std::int32_t> types;   ///< as many; llama_token_type
  std::optional<std::uint32_t> bos;  ///< id of the token that begins a conversation
  std::optional<std::uint32_t> eos;
  std::optional<std::uint32_t> unk;
  std::optional<std::uint32_t> pad;
  bool add_bos = true;
  bool add_eos = false;
  bool add_space_prefix = true;  ///< a space before every text
  std::string chat_template;     ///< empty: none

  /// The tokenizer.* keys, as llama.cpp's converter writes them.
  void write_to(GgufWriter* writer) const;
};

/// Reads FOLDER/tokenizer.model and, where they are there, added_tokens.json,
/// special_tokens_map.json and tokenizer_config.json, for a model with `n_rows` embeddings. Rows
/// without a token get one that is never produced by text; tokens without a row are left out, with
/// a warning.
/// Added tokens that are special (named by a map, or marked so) become control tokens, which text
/// can't contain. Special ids are looked up by the names in the maps, then in tokenizer.model; not
/// in config.json, whose ids are wrong in the first conversions of LLaMA.
/// Throws Error(kModel): missing, damaged, not a BPE with byte fallback (LLaMA 3 and others with
/// only tokenizer.json), a token twice, or neither begin nor end.
LlamaVocabulary read_llama_vocabulary(const std::filesystem::path& folder, std::int64_t n_rows);

}  // namespace pandagpt
