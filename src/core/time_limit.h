// A time limit for work that goes through libraries: whoever is deep inside can ask whether it has
// passed, without every function in between passing it on.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace pandagpt {

/// Scoped deadline and cancellation check of the current thread. Of nested scopes the earliest
/// deadline counts.
class TimeLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// Zero or less: only `cancelled`, which is asked along with the clock.
  explicit TimeLimit(std::chrono::duration<double> limit, std::function<bool()> cancelled = {});
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  /// Whether this thread's limit has passed, or its work isn't wanted any more.
  static bool passed();
  /// Throws Error(kInput), "NAME: ..", if so.
  static void check(const std::string& name);

 private:
  bool is_cancelled() const { return cancelled_ && cancelled_(); }
  bool is_over() const { return end_ && Clock::now() > *end_; }

  std::chrono::duration<double> limit_;
  std::optional<Clock::time_point> end_;
  std::function<bool()> cancelled_;
  TimeLimit* outer_;
};

}  // namespace pandagpt
