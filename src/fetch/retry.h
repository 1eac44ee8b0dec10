// Attempts that are repeated while their failure may pass.
#pragma once

#include <chrono>
#include <functional>

namespace pandagpt {

struct RetryPolicy {
  int max_attempts = 6;                   ///< in a row without getting on
  std::chrono::milliseconds delay{1000};  ///< before the second attempt; doubled each time
  /// A server that asks for a longer pause than this is given up.
  std::chrono::seconds max_delay{120};
};

/// Calls `attempt` until it returns. After a TransientError it waits and calls again, and the count
/// of attempts begins anew if `got_on()` says so. The pauses are logged. Throws the last
/// TransientError, every other exception at once, and Error(kInternal) if `cancelled` during a
/// pause.
void with_retries(const RetryPolicy& policy, const std::function<bool()>& cancelled,
                  const std::function<bool()>& got_on, const std::function<void()>& attempt);

}  // namespace pandagpt
