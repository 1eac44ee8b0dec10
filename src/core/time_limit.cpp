#include "core/time_limit.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

thread_local TimeLimit* innermost = nullptr;

}  // namespace

TimeLimit::TimeLimit(std::chrono::duration<double> limit, std::function<bool()> cancelled)
    : limit_(limit), cancelled_(std::move(cancelled)), outer_(innermost) {
  if (limit.count() > 0) end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
  innermost = this;
}

TimeLimit::~TimeLimit() {
  innermost = outer_;
}

bool TimeLimit::passed() {
  for (const TimeLimit* one = innermost; one != nullptr; one = one->outer_)
    if (one->is_cancelled() || one->is_over()) return true;
  return false;
}

void TimeLimit::check(const std::string& name) {
  for (const TimeLimit* one = innermost; one != nullptr; one = one->outer_) {
    if (one->is_cancelled())
      throw Error(ErrorKind::kInput, name + ": reading it was given up, since nobody waits for it");
    if (!one->is_over()) continue;
    throw Error(ErrorKind::kInput,
                fmt::format("{}: decoding takes longer than the limit of {:g} s; make the file "
                            "shorter or smaller",
                            name, one->limit_.count()));
  }
}

}  // namespace pandagpt
