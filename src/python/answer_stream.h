// An answer that is taken piece by piece, while a thread of its own computes it.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "pandagpt/generation.h"

namespace pandagpt::python {

/// Called between pieces. Throws what ends the waiting: a pressed Ctrl-C.
using CheckInterrupt = std::function<void()>;

/// Belongs to one thread at a time, which must not hold the GIL while it waits here.
class AnswerStream {
 public:
  /// Runs on the thread, without the GIL.
  using Work = std::function<Answer(const OnText& on_text)>;

  explicit AnswerStream(Work work);
  /// As close().
  ~AnswerStream();
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;

  /// The next piece, or nothing at the end. Throws what the work has thrown.
  std::optional<std::string> next(const CheckInterrupt& check);
  /// Ends the answer after its next token, and waits for that. What was sent stays the answer.
  void close();
  /// Nothing before the work is done, or if it failed.
  std::optional<Answer> answer() const;

 private:
  void run(const Work& work);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  std::optional<Answer> answer_;
  std::exception_ptr failure_;
  bool is_done_ = false;
  bool is_cancelled_ = false;
  std::thread thread_;  // the last member: it uses all others
};

}  // namespace pandagpt::python
