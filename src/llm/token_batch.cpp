#include "llm/token_batch.h"

#include <algorithm>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr llama_token kNoToken = -1;

}  // namespace

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
  tokens_.push_back(kNoToken);
  embeddings_.insert(embeddings_.end(), embedding.begin(), embedding.end());
  add_place(position, sequence, has_logits);
}

/// (size, n_embd), tokens looked up.
float* TokenBatch::all_as_embeddings() {
  if (std::ranges::all_of(tokens_, [](llama_token token) { return token == kNoToken; }))
    return embeddings_.data();
  if (!can_mix())
    throw Error(ErrorKind::kInternal, "tokens and embeddings can't be evaluated in one go");
  const auto width = static_cast<std::size_t>(known_->n_embd());
  mixed_.resize(size() * width);
  const float* next = embeddings_.data();
  for (std::size_t i = 0; i < size(); ++i) {
    const std::span<float> row(mixed_.data() + i * width, width);
    if (tokens_[i] == kNoToken) {
      std::copy_n(next, width, row.data());
      next += width;
    } else {
      known_->copy(tokens_[i], row);
    }
  }
  return mixed_.data();
}

std::int32_t TokenBatch::decode(llama_context* context) {
  float* const embeddings = embeddings_.empty() ? nullptr : all_as_embeddings();
  std::vector<std::int32_t> counts(size(), 1);
  std::vector<llama_seq_id*> rows(size());
  for (std::size_t i = 0; i < size(); ++i)
    rows[i] = &sequences_[i];
  const llama_batch batch{static_cast<std::int32_t>(size()),
                          embeddings == nullptr ? tokens_.data() : nullptr,
                          embeddings,
                          positions_.data(),
                          counts.data(),
                          rows.data(),
                          has_logits_.data()};
  return llama_decode(context, batch);
}

}  // namespace pandagpt
