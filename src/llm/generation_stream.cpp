#include "llm/generation_stream.h"

#include <utility>

namespace pandagpt {

std::optional<GenerationUpdate> GenerationStream::next(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, patience,
                    [this] { return !updates_.empty() || failure_ || n_running_ == 0; });
  if (!updates_.empty()) {
    GenerationUpdate update = std::move(updates_.front());
    updates_.pop_front();
    return update;
  }
  if (failure_) std::rethrow_exception(failure_);
  return std::nullopt;
}

bool GenerationStream::done() const {
  const std::lock_guard lock(mutex_);
  return n_running_ == 0 && updates_.empty();
}

void GenerationStream::push(GenerationUpdate update) {
  {
    const std::lock_guard lock(mutex_);
    if (update.finished) --n_running_;
    updates_.push_back(std::move(update));
  }
  arrived_.notify_one();
}

void GenerationStream::fail(std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
  }
  cancelled_ = true;  // for the choices that wait
  arrived_.notify_one();
}

}  // namespace pandagpt
