// What llama.cpp evaluates in one go: tokens or embeddings of one or several sequences.
#pragma once

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "llm/token_embeddings.h"

namespace pandagpt {

/// llama.cpp takes either tokens or embeddings in one batch. Both may be added between two clear()
/// only if the embeddings of tokens are known; tokens are then given as such.
class TokenBatch {
 public:
  /// `known` may be null, and must outlive the batch.
  explicit TokenBatch(const TokenEmbeddings* known = nullptr) : known_(known) {}

  bool can_mix() const { return known_ != nullptr; }
  void clear();

  /// `has_logits`: the scores behind this position are wanted; they are found by its row, the
  /// number of positions that were added before it.
  void add(std::int32_t token, llama_pos position, llama_seq_id sequence, bool has_logits);
  /// (n_embd) floats.
  void add(std::span<const float> embedding, llama_pos position, llama_seq_id sequence,
           bool has_logits);

  bool empty() const { return positions_.empty(); }
  std::size_t size() const { return positions_.size(); }

  /// llama_decode's status: 0 if everything has been evaluated. Throws Error(kInternal) if both
  /// kinds have been added to a batch that can't mix them.
  std::int32_t decode(llama_context* context);

 private:
  void add_place(llama_pos position, llama_seq_id sequence, bool has_logits);
  float* all_as_embeddings();

  const TokenEmbeddings* known_;
  std::vector<llama_token> tokens_;  // kNoToken where an embedding stands
  std::vector<float> embeddings_;    // (embeddings added, n_embd)
  std::vector<float> mixed_;         // (size, n_embd)
  std::vector<llama_pos> positions_;
  std::vector<llama_seq_id> sequences_;
  std::vector<std::int8_t> has_logits_;
};

}  // namespace pandagpt
