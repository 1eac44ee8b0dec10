// tokenizer.model: a SentencePiece vocabulary in its protobuf form.
#pragma once

#include <llama.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pandagpt {

/// One token. SentencePiece's types have the numbers of llama.cpp's.
struct SentencePiece {
  std::string text;  ///< UTF-8 without NUL; U+2581 for a space
  float score = 0;   ///< minus the rank of its merge, in a BPE model
  llama_token_type type = LLAMA_TOKEN_TYPE_NORMAL;
};

/// What of a ModelProto (google/sentencepiece, src/sentencepiece_model.proto) matters for
/// tokenising; the defaults are that file's.
struct SentencePieceModel {
  std::vector<SentencePiece> pieces;
  int model_type = 1;                    ///< trainer_spec: 1 unigram, 2 BPE, 3 word, 4 char
  bool whitespace_as_suffix = false;     ///< trainer_spec
  std::string bos_piece = "<s>";         ///< trainer_spec
  std::string eos_piece = "</s>";        ///< trainer_spec
  std::string pad_piece = "<pad>";       ///< trainer_spec
  bool has_character_map = false;        ///< normalizer_spec: text is normalised by a table
  bool add_dummy_prefix = true;          ///< normalizer_spec: a space before every text
  bool remove_extra_whitespaces = true;  ///< normalizer_spec
  static constexpr int kBpe = 2;
};

/// Throws Error(kModel), naming the file: missing, too large, damaged, truncated, or with pieces
/// that are no text.
SentencePieceModel read_sentencepiece_model(const std::filesystem::path& path);

}  // namespace pandagpt
