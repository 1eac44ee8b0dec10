// What llama.cpp evaluates in one go: tokens or embeddings of one or several sequences.
#pragma once

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pandagpt {

/// llama.cpp takes either tokens or embeddings in one batch, so only one kind may be added between
/// two clear().
class TokenBatch {
 public:
  void clear();

  /// `has_logits`: the scores behind this position are wanted; they are found by its row, the
  /// number of positions that were added before it.
  void add(std::int32_t token, llama_pos position, llama_seq_id sequence, bool has_logits);
  /// (n_embd) floats.
  void add(std::span<const float> embedding, llama_pos position, llama_seq_id sequence,
           bool has_logits);

  bool empty() const { return positions_.empty(); }
  std::size_t size() const { return positions_.size(); }

  /// llama_decode's status: 0 if everything has been evaluated.
  std::int32_t decode(llama_context* context);

 private:
  void add_place(llama_pos position, llama_seq_id sequence, bool has_logits);

  std::vector<llama_token> tokens_;
  std::vector<float> embeddings_;  // (size, n_embd)
  std::vector<llama_pos> positions_;
  std::vector<llama_seq_id> sequences_;
  std::vector<std::int8_t> has_logits_;
};

}  // namespace pandagpt
