// A progress line on stderr: rewritten in place on a terminal, now and then a line elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace pandagpt {

class Progress {
 public:
  Progress(std::string label, std::int64_t total);
  /// `note` follows the bar, e.g. "loss 2.31, 640 tokens/s".
  void update(std::int64_t done, const std::string& note = {});
  /// Ends the line; nothing more is drawn.
  void finish(const std::string& note = {});

 private:
  void draw(std::int64_t done, const std::string& note, bool last);

  std::string label_;
  std::int64_t total_;
  std::int64_t first_ = -1;  // a resumed run does not start at 0
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace pandagpt
