#include "pandagpt/generation.h"

#include <cmath>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

void require(bool condition, const char* message) {
  if (!condition) throw Error(ErrorKind::kUsage, message);
}

}  // namespace

void GenerateOptions::validate() const {
  require(max_tokens >= 1, "max_tokens must be at least 1");
  static_assert(kMaxBeams == 16, "the next line says so");
  require(n_beams >= 1 && n_beams <= kMaxBeams, "n_beams must be between 1 and 16");
  require(std::isfinite(temperature) && temperature >= 0, "temperature must be 0 or more");
  require(top_p > 0 && top_p <= 1, "top_p must be above 0 and at most 1");
  require(top_k >= 0, "top_k must be 0 (no limit) or more");
  require(min_p >= 0 && min_p <= 1, "min_p must be between 0 and 1");
  require(std::isfinite(repeat_penalty) && repeat_penalty > 0, "repeat_penalty must be above 0");
  require(std::isfinite(frequency_penalty), "frequency_penalty must be a finite number");
  require(std::isfinite(presence_penalty), "presence_penalty must be a finite number");
  require(n_draft >= 0, "n_draft must be 0 (off) or more");
  require(repeat_last_n >= 0, "repeat_last_n must be 0 or more");
}

std::string to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace pandagpt
