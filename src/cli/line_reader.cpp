#include "cli/line_reader.h"

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
struct sigaction previous_action;

void on_interrupt(int /*signal*/) {
  interrupted = 1;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  clear();
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);  // no SA_RESTART: a waiting read() must return
  sigaction(SIGINT, &action, &previous_action);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_action, nullptr);
}
bool InterruptGuard::pressed() {
  return interrupted != 0;
}
void InterruptGuard::clear() {
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
    std::array<char, 4096> block{};
    const ssize_t count = read(STDIN_FILENO, block.data(), block.size());
    if (count < 0 && errno == EINTR) {
      if (!InterruptGuard::pressed()) continue;
      buffer_.clear();
      return Event::kInterrupt;
    }
    if (count < 0)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    at_end_ = count == 0;
    buffer_.append(block.data(), static_cast<std::size_t>(count));
    if (buffer_.size() > kMaxLineBytes && buffer_.find('\n') == std::string::npos)
      throw Error(ErrorKind::kInput, "standard input: a line is longer than 1 MiB");
  }
}

}  // namespace pandagpt
