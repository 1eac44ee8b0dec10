#include "fetch/retry.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "fetch/http.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kSlice{50};  // how soon a pause notices Ctrl-C

void pause(Milliseconds length, const std::function<bool()>& cancelled) {
  const auto end = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < end) {
    if (cancelled()) throw Error(ErrorKind::kInternal, "interrupted");
    std::this_thread::sleep_for(std::min(kSlice, length));
  }
}

}  // namespace

void with_retries(const RetryPolicy& policy, const std::function<bool()>& cancelled,
                  const std::function<bool()>& got_on, const std::function<void()>& attempt) {
  Milliseconds delay = policy.delay;
  for (int n = 1;; ++n) {
    try {
      return attempt();
    } catch (const TransientError& error) {
      if (got_on()) {
        n = 1;
        delay = policy.delay;
      }
      const Milliseconds wanted =
          std::max(delay, error.retry_after() ? Milliseconds(*error.retry_after()) : delay);
      if (n >= policy.max_attempts || wanted > policy.max_delay) throw;
      spdlog::warn("{}; trying again in {:.1f} s", error.what(),
                   std::chrono::duration<double>(wanted).count());
      pause(wanted, cancelled);
      delay *= 2;
    }
  }
}

}  // namespace pandagpt
