// How the next token is chosen from the scores: one answer's sampling settings and state.
#pragma once

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pandagpt/generation.h"

namespace pandagpt {

/// The seed of the settings, or a random one.
std::uint32_t choose_seed(const GenerateOptions& options);

/// The order is llama.cpp's own: penalties, then cuts, then temperature, then the draw. The same
/// scores, settings and seed give the same tokens.
class TokenSampler {
 public:
  TokenSampler(const GenerateOptions& options, int n_vocab, std::uint32_t seed);

  /// The next token; `logits` is (n_vocab).
  std::int32_t sample(std::span<const float> logits);

  std::uint32_t seed() const { return seed_; }

 private:
  struct Deleter {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  };

  /// From candidates_; `sorted`: the best first.
  std::int32_t draw(bool sorted);

  std::uint32_t seed_;
  bool greedy_;
  bool has_penalties_;
  float top_p_;
  int top_k_;
  std::unique_ptr<llama_sampler, Deleter> chain_;
  std::vector<llama_token_data> candidates_;  // kept for its memory
};

/// The `count` best tokens, 1 to n_vocab, the best first, to `picked`; of equal ones at the end
/// any.
void pick_best(std::span<const float> logits, std::size_t count,
               std::vector<llama_token_data>& picked);

/// Position of the largest score, the first of equal ones.
std::int32_t best_token(std::span<const float> logits);

}  // namespace pandagpt
