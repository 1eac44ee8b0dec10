// The loop that makes an answer of sampled tokens, for every session that holds one conversation.
#pragma once

#include <llama.h>

#include <cstddef>
#include <string>

#include "llm/llm_model.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// Where an answer's tokens come from: a prompt that has been evaluated, and a sampler.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  /// Positions of the conversation up to here.
  virtual std::size_t n_positions() const = 0;
  /// The next token, by the scores behind the last position.
  virtual llama_token sample() = 0;
  /// Takes `token` into the conversation. At most `n_more` further ones are wanted now, should the
  /// source guess.
  virtual void advance(llama_token token, std::size_t n_more) = 0;
};

/// What ends an answer beside the model's own end tokens and GenerateOptions::max_tokens.
struct AnswerEnd {
  std::string stop;       ///< the answer ends where this begins; maybe empty
  std::size_t n_ctx = 0;  ///< positions that the conversation may have
};

/// Samples until the answer is over, and sends its text as it comes. Of the timings, those of
/// generating are set, counted from the call; `seed` isn't.
Answer generate_answer(TokenSource& source, const LlmModel& model, const AnswerEnd& end,
                       const GenerateOptions& options, const OnText& on_text);

/// Throws Error(kUsage) if a prompt of `n_positions` leaves no place for an answer in `n_ctx`.
void check_prompt_fits(std::size_t n_positions, int n_ctx);

}  // namespace pandagpt
