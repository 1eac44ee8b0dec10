// Answers on their way from the thread that computes them to the one that asked.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pandagpt/generation.h"

namespace pandagpt {

/// A piece of one answer.
struct GenerationUpdate {
  int choice = 0;
  std::string text = {};                ///< valid UTF-8, may be empty
  std::optional<Answer> finished = {};  ///< with the last piece
  /// With the last piece, if the request wants them: the (n_vocab) scores that the answer's last
  /// token was drawn by. Empty for a search.
  std::vector<float> scores = {};
};

/// One request's answers ("choices"): written by the scheduler, read by whoever submitted it.
class GenerationStream {
 public:
  explicit GenerationStream(int n_choices) : n_running_(n_choices) {}

  // --- For the reader ------------------------------------------------------------------------

  /// The next piece; nothing if none comes within `patience`, or all have been taken. Rethrows what
  /// made the scheduler give up.
  std::optional<GenerationUpdate> next(std::chrono::milliseconds patience);
  /// All choices are finished and their pieces taken.
  bool done() const;
  /// The answers aren't wanted any more; they end within a token.
  void cancel() { cancelled_ = true; }

  // --- For the scheduler ---------------------------------------------------------------------

  bool cancelled() const { return cancelled_; }
  void push(GenerationUpdate update);
  void fail(std::exception_ptr failure);

 private:
  std::atomic<bool> cancelled_ = false;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<GenerationUpdate> updates_;
  std::exception_ptr failure_;
  int n_running_;
};

}  // namespace pandagpt
