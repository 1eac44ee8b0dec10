#include "core/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace pandagpt {
namespace {

constexpr int kBarWidth = 24;
constexpr auto kTerminalInterval = std::chrono::milliseconds(200);
constexpr auto kLogInterval = std::chrono::seconds(10);

std::string clock_text(double seconds) {
  char text[32];
  const auto s = static_cast<long>(seconds);
  std::snprintf(text, sizeof(text), "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

}  // namespace

Progress::Progress(std::string label, std::int64_t total)
    : label_(std::move(label)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

void Progress::update(std::int64_t done, const std::string& note) {
  if (first_ < 0) first_ = done;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < (terminal_ ? std::chrono::steady_clock::duration(kTerminalInterval)
                                : std::chrono::steady_clock::duration(kLogInterval)))
    return;
  drawn_ = now;
  draw(done, note, false);
}

void Progress::finish(const std::string& note) {
  draw(total_, note, true);
}

void Progress::draw(std::int64_t done, const std::string& note, bool last) {
  const double share = total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : 1.0;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const auto fresh = static_cast<double>(done - (first_ < 0 ? 0 : first_));
  const double left = fresh > 0 ? elapsed * static_cast<double>(total_ - done) / fresh : 0;
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  const std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  std::fprintf(stderr, "%s%s [%s] %lld/%lld %s left %s%s%s%s", terminal_ ? "\r\033[K" : "",
               label_.c_str(), bar.c_str(), static_cast<long long>(done),
               static_cast<long long>(total_), clock_text(elapsed).c_str(),
               clock_text(left).c_str(), note.empty() ? "" : "  ", note.c_str(),
               terminal_ && !last ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace pandagpt
