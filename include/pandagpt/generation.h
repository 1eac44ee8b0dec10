// How an answer is generated, and how long it took.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pandagpt/export.h"

namespace pandagpt {

/// Sampling settings of one answer. The defaults are the reference's (temperature 1, top_p 0.01),
/// which is nearly greedy.
struct PANDAGPT_API GenerateOptions {
  static constexpr int kMaxBeams = 16;

  int max_tokens = 256;  ///< tokens of the answer at most; at least 1
  bool greedy = false;   ///< always the most likely token; the fields below are then unused
  /// More than 1: beam search for the likeliest whole answer. It draws nothing, so the fields below
  /// are unused; the text comes in one piece at the end.
  int n_beams = 1;
  float temperature = 1.0F;  ///< divides the logits; 0 is greedy
  float top_p = 0.01F;       ///< nucleus: the smallest set of tokens of this probability, (0, 1]
  int top_k = 0;             ///< only the k most likely tokens; 0 is no limit
  float min_p = 0.0F;        ///< drops tokens below min_p times the best one's probability, [0, 1]
  float repeat_penalty = 1.0F;  ///< divides the logits of recent tokens; 1 is none
  int repeat_last_n = 64;       ///< how many tokens of the answer count as recent
  float frequency_penalty = 0;  ///< taken from a recent token's logit for each time it occurs
  float presence_penalty = 0;   ///< taken from it once
  /// Speculative decoding by prompt look-up: at most so many draft tokens at once, taken from the
  /// conversation so far. Used only where several positions at once give the same bits as one by
  /// one, so that the answer stays the same, and where it is faster. 0 is off.
  int n_draft = 16;
  std::optional<std::uint32_t> seed = {};  ///< same seed, same answer; none draws one at random

  bool has_penalties() const {
    return repeat_last_n > 0 &&
           (repeat_penalty != 1.0F || frequency_penalty != 0 || presence_penalty != 0);
  }

  /// Throws Error(kUsage) that names the field whose value is out of range.
  void validate() const;
};

/// Receives the answer piece by piece: valid UTF-8, never a part of the stop string.
/// Returning false ends the answer; what was sent so far stays the answer.
using OnText = std::function<bool(std::string_view text)>;

/// Why an answer ended.
enum class FinishReason {
  kStop,       ///< the model ended its turn
  kLength,     ///< max_tokens were generated
  kContext,    ///< the context window is full
  kCancelled,  ///< the callback returned false
};
PANDAGPT_API std::string to_string(FinishReason reason);

/// Times in milliseconds, counts in tokens; of one answer.
struct Timings {
  double queue_ms = 0;       ///< waiting for a place in the batch (servers only)
  double encode_ms = 0;      ///< decoding, preprocessing and encoding the inputs, projecting
  int cached_inputs = 0;     ///< inputs that had been encoded before, which took no encoder
  double prompt_ms = 0;      ///< evaluating what the model had not seen yet
  double first_text_ms = 0;  ///< from the call to the first piece of the answer
  double generate_ms = 0;    ///< from the first sampled token to the last
  int prompt_tokens = 0;     ///< positions evaluated for the prompt (text and image)
  int reused_tokens = 0;     ///< positions taken from the cache
  int generated_tokens = 0;  ///< sampled, the stop string included
  int guessed_tokens = 0;    ///< by prompt look-up
  int accepted_tokens = 0;   ///< of the guessed ones, those that were right

  double prompt_tokens_per_second() const {
    return prompt_ms > 0 ? 1000.0 * prompt_tokens / prompt_ms : 0;
  }
  /// Decoding speed; the first token comes from the prompt and does not count.
  double generated_tokens_per_second() const {
    return generate_ms > 0 && generated_tokens > 1 ? 1000.0 * (generated_tokens - 1) / generate_ms
                                                   : 0;
  }
};

/// One question of a conversation and its answer.
struct Turn {
  std::string question;
  std::string answer;
};

/// A finished answer.
struct Answer {
  std::string text;  ///< UTF-8 without surrounding white space or any part of the stop string
  FinishReason finish = FinishReason::kStop;
  std::uint32_t seed = 0;  ///< the seed that was used
  /// What to know about the inputs or the question, one sentence each: "a.wav: the sound is silent;
  /// .."
  std::vector<std::string> warnings = {};
  /// An input is far from all that the model knows (PandaOptions::say_unsure): the text begins with
  /// "I am not sure; perhaps".
  bool is_unsure = false;
  Timings timings;
};

}  // namespace pandagpt
