#include "python/answer_stream.h"

#include <chrono>
#include <string_view>
#include <utility>

namespace pandagpt::python {
namespace {

constexpr std::chrono::milliseconds kPatience{50};  // until Ctrl-C is looked for again

}  // namespace

AnswerStream::AnswerStream(Work work)
    : thread_([this, work = std::move(work)]() mutable {
        // What the work holds (a model, the right to use a chat) is given back before the end is
        // told, so that whoever has seen the end may go on with it.
        run(std::exchange(work, nullptr));
        {
          const std::lock_guard lock(mutex_);
          is_done_ = true;
        }
        changed_.notify_all();
      }) {}

AnswerStream::~AnswerStream() {
  close();
}

void AnswerStream::run(const Work& work) {
  try {
    Answer answer = work([this](std::string_view text) {
      const std::lock_guard lock(mutex_);
      pieces_.emplace_back(text);
      changed_.notify_all();
      return !is_cancelled_;
    });
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

std::optional<std::string> AnswerStream::next(const CheckInterrupt& check) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kPatience, [&] { return is_done_ || !pieces_.empty(); })) {
    lock.unlock();
    check();
    lock.lock();
  }
  if (!pieces_.empty() && !is_cancelled_) {
    std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }
  if (std::exception_ptr failure = std::exchange(failure_, nullptr))
    std::rethrow_exception(failure);
  return std::nullopt;
}

void AnswerStream::close() {
  {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

std::optional<Answer> AnswerStream::answer() const {
  const std::lock_guard lock(mutex_);
  return answer_;
}

}  // namespace pandagpt::python
