#include "llm/prompt_lookup.h"

#include <algorithm>
#include <utility>

namespace pandagpt {
namespace {

// A match of one token says little; longer ones than this don't make a guess better.
constexpr std::size_t kShortestMatch = 2;
constexpr std::size_t kLongestMatch = 6;
constexpr std::size_t kShortestGuess = 2;
constexpr std::size_t kLongestGuess = 24;
constexpr std::size_t kPromising = 8;
constexpr double kLeastGain = 1.3;
constexpr std::size_t kFirstPause = 8;
constexpr std::size_t kLongestPause = 256;
constexpr double kNewTimeShare = 0.2;  // of one evaluation in the usual time
// In evaluations: how much may be lost before guessing pauses, and saved up against later losses.
constexpr double kMostLost = 2;
constexpr double kMostSaved = 4;

/// How many of the last tokens before `end` also stand before `other`.
std::size_t match_length(std::span<const std::int32_t> tokens, std::size_t other) {
  const std::size_t end = tokens.size();
  std::size_t length = 0;
  while (length < std::min(kLongestMatch, other) && tokens[end - 1 - length] >= 0 &&
         tokens[end - 1 - length] == tokens[other - 1 - length])
    ++length;
  return length;
}

}  // namespace

std::vector<std::int32_t> PromptLookup::guess(std::span<const std::int32_t> tokens,
                                              std::size_t limit) {
  // Without a time to compare with, nobody can say whether guessing pays.
  if (tokens.empty() || (!always_ && (pause_ > 0 || ms_alone_ == 0))) return {};
  std::size_t best = 0, best_length = kShortestMatch - 1;
  for (std::size_t other = tokens.size() - 1; other > 0 && best_length < kLongestMatch; --other) {
    if (const std::size_t length = match_length(tokens, other); length > best_length) {
      best = other;
      best_length = length;
    }
  }
  if (best == 0) return {};
  const auto rest = tokens.subspan(best);
  const auto end = std::ranges::find_if(rest, [](std::int32_t token) { return token < 0; });
  const std::size_t length = std::min({limit, length_, std::size_t(end - rest.begin())});
  return {rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length)};
}

void PromptLookup::watch(std::vector<std::int32_t> guess) {
  if (watched_.empty()) watched_ = std::move(guess);
}

void PromptLookup::saw(std::int32_t token) {
  if (watched_.empty()) return;
  if (watched_.front() == token) {
    ++n_came_true_;
    watched_.erase(watched_.begin());
  } else {
    watched_.clear();
  }
}

bool PromptLookup::promising() const {
  return always_ || n_came_true_ >= kPromising;
}

bool PromptLookup::may_pay(std::size_t n_rows, double ms) const {
  return always_ || ms * kLeastGain <= ms_alone_ * static_cast<double>(n_rows);
}

void PromptLookup::record(std::size_t n_guessed, std::size_t n_right, double ms, double n_delayed) {
  if (n_guessed == 0) {
    ms_alone_ = ms_alone_ == 0 ? ms : ms_alone_ + kNewTimeShare * (ms - ms_alone_);
    if (pause_ > 0) --pause_;
    return;
  }
  length_ = n_right == n_guessed ? std::min(2 * n_guessed, kLongestGuess)
                                 : std::max(n_right + 1, kShortestGuess);
  saved_ms_ += ms_alone_ * static_cast<double>(n_right) - n_delayed * (ms - ms_alone_);
  saved_ms_ = std::min(saved_ms_, kMostSaved * ms_alone_);
  if (saved_ms_ > 0) next_pause_ = kFirstPause;
  if (saved_ms_ > -kMostLost * ms_alone_) return;
  pause_ = std::max(next_pause_, kFirstPause);
  next_pause_ = std::min(2 * pause_, kLongestPause);
  saved_ms_ = -ms_alone_;  // one more loss, and it pauses again
}

}  // namespace pandagpt
