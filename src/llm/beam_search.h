// Beam search: the likeliest whole answer instead of the likeliest next token.
#pragma once

#include <llama.h>

#include <cstdint>
#include <string>
#include <vector>

#include "llm/llm_model.h"

namespace pandagpt {

/// Sequence ids of llama.cpp that a search with `n_beams` uses, beginning with kFirstBeamSequence:
/// the beams of the step before and of this one.
inline constexpr llama_seq_id kFirstBeamSequence = 1;
constexpr int beam_sequences(int n_beams) {
  return 2 * n_beams;
}

struct BeamOptions {
  int n_beams = 4;
  int max_tokens = 256;  ///< tokens of an answer at most
  int n_free = 0;        ///< positions that the context has left for all beams together
  std::string stop;      ///< an answer also ends where its text holds this
};

struct BeamResult {
  std::vector<std::int32_t> tokens;  ///< without the end-of-generation token
  double mean_log_probability = 0;   ///< nats a token
  bool complete = false;             ///< the model ended it; otherwise a limit did
  bool out_of_context = false;       ///< `n_free` ended it
  int n_evaluated = 0;               ///< tokens evaluated for all beams
};

/// Continues sequence 0 of `context`, whose last position has `logits` (n_vocab) and number
/// `position` - 1. Finished answers are compared by their mean log-probability (length penalty 1),
/// as Hugging Face's num_beams does; the search ends when no running beam can beat the worst of
/// `n_beams` finished ones. Sequence 0 is as before afterwards; the others are empty.
/// The unified cache of llama.cpp (kv_unified) makes a beam's copy a mark, not a copy of values.
/// Throws Error(kInternal) if llama.cpp fails.
BeamResult beam_search(llama_context* context, const LlmModel& model,
                       const std::vector<float>& logits, llama_pos position,
                       const BeamOptions& options);

}  // namespace pandagpt
