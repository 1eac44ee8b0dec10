#include "cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kMaxLineBytes = 1U << 20;

volatile std::sig_atomic_t interrupted = 0;
// The handler also writes here, so that waiting for input and for Ctrl-C is one poll(): a flag
// alone would be missed if the signal came between looking at it and read().
int wake_up[2] = {-1, -1};
struct sigaction previous_action;

void on_interrupt(int /*signal*/) {
  const int saved_errno = errno;
  interrupted = 1;
  [[maybe_unused]] const ssize_t written = write(wake_up[1], "!", 1);
  errno = saved_errno;
}

/// Waits until standard input can be read (true) or Ctrl-C was pressed (false).
bool wait_for_input() {
  while (true) {
    std::array<pollfd, 2> waiting{{{STDIN_FILENO, POLLIN, 0}, {wake_up[0], POLLIN, 0}}};
    const int ready = poll(waiting.data(), waiting.size(), /*timeout=*/-1);
    if (InterruptGuard::pressed()) return false;
    if (ready < 0 && errno != EINTR)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    if (ready > 0 && waiting[0].revents != 0) return true;
  }
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (pipe2(wake_up, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(ErrorKind::kInternal, std::string("pipe: ") + std::strerror(errno));
  clear();
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_action);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_action, nullptr);
  close(wake_up[0]);
  close(wake_up[1]);
}

bool InterruptGuard::pressed() {
  return interrupted != 0;
}

void InterruptGuard::clear() {
  std::array<char, 64> bytes{};
  while (read(wake_up[0], bytes.data(), bytes.size()) > 0) {
  }
  interrupted = 0;
}

LineReader::Event LineReader::next(std::string& line) {
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
    if (!wait_for_input()) {
      buffer_.clear();
      return Event::kInterrupt;
    }
    std::array<char, 4096> block{};
    const ssize_t count = read(STDIN_FILENO, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    at_end_ = count == 0;
    buffer_.append(block.data(), static_cast<std::size_t>(count));
    if (buffer_.size() > kMaxLineBytes && buffer_.find('\n') == std::string::npos)
      throw Error(ErrorKind::kInput, "standard input: a line is longer than 1 MiB");
  }
}

}  // namespace pandagpt
