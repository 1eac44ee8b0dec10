#include "llm/token_batch.h"

namespace pandagpt {

void TokenBatch::clear() {
  tokens_.clear();
  embeddings_.clear();
  positions_.clear();
  sequences_.clear();
  has_logits_.clear();
}

void TokenBatch::add_place(llama_pos position, llama_seq_id sequence, bool has_logits) {
  positions_.push_back(position);
  sequences_.push_back(sequence);
  has_logits_.push_back(has_logits ? 1 : 0);
}

void TokenBatch::add(std::int32_t token, llama_pos position, llama_seq_id sequence,
                     bool has_logits) {
  tokens_.push_back(token);
  add_place(position, sequence, has_logits);
}

void TokenBatch::add(std::span<const float> embedding, llama_pos position, llama_seq_id sequence,
                     bool has_logits) {
  embeddings_.insert(embeddings_.end(), embedding.begin(), embedding.end());
  add_place(position, sequence, has_logits);
}

std::int32_t TokenBatch::decode(llama_context* context) {
  std::vector<std::int32_t> counts(size(), 1);
  std::vector<llama_seq_id*> rows(size());
  for (std::size_t i = 0; i < size(); ++i)
    rows[i] = &sequences_[i];
  const llama_batch batch{static_cast<std::int32_t>(size()),
                          tokens_.empty() ? nullptr : tokens_.data(),
                          embeddings_.empty() ? nullptr : embeddings_.data(),
                          positions_.data(),
                          counts.data(),
                          rows.data(),
                          has_logits_.data()};
  return llama_decode(context, batch);
}

}  // namespace pandagpt
