// Lines of standard input, and Ctrl-C as an event instead of the end of the program.
#pragma once

#include <optional>
#include <string>

namespace pandagpt {

/// While one of these lives, Ctrl-C (SIGINT) sets a flag. Only one may live at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Ctrl-C was pressed since the last clear().
  static bool pressed();
  static void clear();
};

class LineReader {
 public:
  enum class Event { kLine, kEnd, kInterrupt };

  /// An InterruptGuard must live. Waits for a line (without its end), the end of the input, or
  /// Ctrl-C, which discards what was typed so far. Throws Error(kInput) if reading fails or a line
  /// is longer than 1 MiB.
  Event next(std::string& line);

 private:
  std::string buffer_;
  bool at_end_ = false;
};

}  // namespace pandagpt
