// Lines of standard input, and Ctrl-C as an event instead of the end of the program.
#pragma once

#include <memory>
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

enum class InputEvent {
  kReady,      ///< standard input can be read
  kInterrupt,  ///< Ctrl-C
  kTerminal    ///< the terminal has another size, or the program goes on after Ctrl-Z
};
/// Waits for one of them. An InterruptGuard must live. Throws Error(kInput).
InputEvent wait_for_input();

inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

class LineReader {
 public:
  enum class Event { kLine, kEnd, kInterrupt };

  virtual ~LineReader() = default;

  /// An InterruptGuard must live. Waits for a line (without its end; a pasted one may hold
  /// several), the end of the input, or Ctrl-C, which discards what was typed so far: `line` is
  /// then what was seen of it. `prompt` is shown to people. Throws Error(kInput) if reading fails
  /// or a line is longer than kMaxLineBytes.
  virtual Event next(const std::string& prompt, std::string& line) = 0;

  /// Keeps `entry` for the arrow keys, where there are any.
  virtual void remember(const std::string& /*entry*/) {}
};

/// Lines as they come, from a file, a pipe or a terminal.
std::unique_ptr<LineReader> plain_line_reader(bool shows_prompt);

}  // namespace pandagpt
