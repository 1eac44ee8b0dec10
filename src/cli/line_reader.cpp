#include "cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t terminal_changed = 0;
// The handlers also write here, so that waiting for input and for signals is one poll(): a flag
// alone would be missed if the signal came between looking at it and read().
int wake_up[2] = {-1, -1};

constexpr std::array<int, 3> kSignals{SIGINT, SIGWINCH, SIGCONT};
std::array<struct sigaction, kSignals.size()> previous_actions;

void on_signal(int signal) {
  const int saved_errno = errno;
  (signal == SIGINT ? interrupted : terminal_changed) = 1;
  [[maybe_unused]] const ssize_t written = write(wake_up[1], "!", 1);
  errno = saved_errno;
}

void empty_wake_up() {
  std::array<char, 64> bytes{};
  while (read(wake_up[0], bytes.data(), bytes.size()) > 0) {
  }
}

class PlainLineReader : public LineReader {
 public:
  explicit PlainLineReader(bool shows_prompt) : shows_prompt_(shows_prompt) {}

  Event next(const std::string& prompt, std::string& line) override {
    if (shows_prompt_) std::fputs(prompt.c_str(), stderr);
    while (true) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (line.ends_with('\r')) line.pop_back();
        return Event::kLine;
      }
      if (at_end_) {
        line = std::move(buffer_);
        buffer_.clear();
        return line.empty() ? Event::kEnd : Event::kLine;
      }
      switch (wait_for_input()) {
        case InputEvent::kReady:
          read_block();
          break;
        case InputEvent::kTerminal:
          break;
        case InputEvent::kInterrupt:
          line = std::move(buffer_);
          buffer_.clear();
          return Event::kInterrupt;
      }
    }
  }

 private:
  void read_block() {
    std::array<char, 4096> block{};
    const ssize_t count = read(STDIN_FILENO, block.data(), block.size());
    if (count < 0 && errno == EINTR) return;
    if (count < 0)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    at_end_ = count == 0;
    buffer_.append(block.data(), static_cast<std::size_t>(count));
    if (buffer_.size() > kMaxLineBytes && buffer_.find('\n') == std::string::npos)
      throw Error(ErrorKind::kInput, "standard input: a line is longer than 1 MiB");
  }

  bool shows_prompt_;
  std::string buffer_;
  bool at_end_ = false;
};

}  // namespace

InterruptGuard::InterruptGuard() {
  if (pipe2(wake_up, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(ErrorKind::kInternal, std::string("pipe: ") + std::strerror(errno));
  clear();
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &action, &previous_actions[i]);
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &previous_actions[i], nullptr);
  close(wake_up[0]);
  close(wake_up[1]);
}

bool InterruptGuard::pressed() {
  return interrupted != 0;
}

void InterruptGuard::clear() {
  empty_wake_up();
  interrupted = 0;
}

InputEvent wait_for_input() {
  while (true) {
    std::array<pollfd, 2> waiting{{{STDIN_FILENO, POLLIN, 0}, {wake_up[0], POLLIN, 0}}};
    const int ready = poll(waiting.data(), waiting.size(), /*timeout=*/-1);
    if (InterruptGuard::pressed()) return InputEvent::kInterrupt;
    if (terminal_changed != 0) {
      empty_wake_up();
      terminal_changed = 0;
      return InputEvent::kTerminal;
    }
    if (ready < 0 && errno != EINTR)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    if (ready > 0 && waiting[0].revents != 0) return InputEvent::kReady;
  }
}

std::unique_ptr<LineReader> plain_line_reader(bool shows_prompt) {
  return std::make_unique<PlainLineReader>(shows_prompt);
}

}  // namespace pandagpt
