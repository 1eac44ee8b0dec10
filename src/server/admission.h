// How many answers may be under way: what comes beyond is refused at once instead of queued without
// end, and what has been accepted is finished.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "server/api_error.h"

namespace pandagpt {

/// May be used by several threads at once.
class Admission {
 public:
  explicit Admission(int limit) : limit_(limit) {}

  /// Holds places until it goes.
  class Ticket {
   public:
    Ticket(Admission& gate, int n) : gate_(&gate), n_(n) {}
    ~Ticket() {
      if (gate_ != nullptr) gate_->leave(n_);
    }
    Ticket(Ticket&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), n_(other.n_) {}
    Ticket& operator=(Ticket&&) = delete;

   private:
    Admission* gate_;
    int n_;
  };

  /// Throws ApiError 503 with Retry-After if there is no room for `n` more, or after close().
  Ticket enter(int n) {
    const std::lock_guard lock(mutex_);
    if (closed_) throw ApiError::unavailable("the server is being stopped", kStopRetrySeconds);
    if (n > limit_)
      throw ApiError::invalid("this server computes " + std::to_string(limit_) + " answers at most",
                              "n");
    if (n_inside_ + n > limit_)
      throw ApiError::unavailable("the server is busy with " + std::to_string(n_inside_) +
                                  " answers; try again later");
    n_inside_ += n;
    return {*this, n};
  }

  /// From now on nobody enters.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  int n_inside() const {
    const std::lock_guard lock(mutex_);
    return n_inside_;
  }

 private:
  static constexpr int kStopRetrySeconds = 10;

  void leave(int n) {
    const std::lock_guard lock(mutex_);
    n_inside_ -= n;
  }

  const int limit_;
  mutable std::mutex mutex_;
  int n_inside_ = 0;
  bool closed_ = false;
};

}  // namespace pandagpt
