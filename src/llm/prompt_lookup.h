// Speculative decoding without a second model: answers often repeat what stands in the
// conversation, so what followed the same words before is a good guess at what follows now.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pandagpt {

/// Guesses tokens and keeps account of whether guessing pays: several positions evaluated at once
/// cost more than one, and how much more depends on the machine and the model.
/// Source: Saxena, "Prompt Lookup Decoding" (2023).
class PromptLookup {
 public:
  /// `always`: guesses wherever there is a match, also where that is slower.
  explicit PromptLookup(bool always = false) : always_(always) {}

  /// The tokens that followed the last few of `tokens` when those stood there before: the longest
  /// match, the latest of several. At most `limit`; none without a match, or while guessing
  /// doesn't pay. Negative numbers (embeddings) neither match nor are guessed.
  std::vector<std::int32_t> guess(std::span<const std::int32_t> tokens, std::size_t limit);

  /// A guess that is not evaluated, only watched: see promising().
  void watch(std::vector<std::int32_t> guess);

  /// The answer's next token, for a guess that is watched.
  void saw(std::int32_t token);

  /// Whether enough of the watched guesses came true for guessing to be worth a trial.
  bool promising() const;

  /// Whether `n_rows` evaluated at once in `ms` may pay: enough faster than one by one, if all the
  /// guesses are right.
  bool may_pay(std::size_t n_rows, double ms) const;

  /// Records one evaluation: it took `ms`, and of its `n_guessed` guesses `n_right` were right.
  /// `n_delayed`: the answers that were under way in it and waited for the guesses as well.
  void record(std::size_t n_guessed, std::size_t n_right, double ms, double n_delayed = 1);

 private:
  bool always_;
  double ms_alone_ = 0;     // usual time of an evaluation without guesses; 0: not known yet
  double saved_ms_ = 0;     // by guessing, lately; negative: lost
  std::size_t length_ = 4;  // of the next guess
  std::size_t pause_ = 0;   // evaluations without guesses still to come
  std::size_t next_pause_ = 0;
  std::vector<std::int32_t> watched_;  // what is left of it, next token first
  std::size_t n_came_true_ = 0;
};

}  // namespace pandagpt
