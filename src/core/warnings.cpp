#include "core/warnings.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace pandagpt {
namespace {

thread_local WarningCollector* innermost = nullptr;

}  // namespace

WarningCollector::WarningCollector() : outer_(innermost) {
  innermost = this;
}

WarningCollector::~WarningCollector() {
  innermost = outer_;
}

void warn(const std::string& message) {
  if (innermost == nullptr) {
    spdlog::warn("{}", message);
    return;
  }
  std::vector<std::string>& messages = innermost->messages_;
  // The same fault of several frames is one.
  if (std::ranges::find(messages, message) == messages.end()) messages.push_back(message);
}

void warn_no_content(const std::string& message) {
  warn(message);
  if (innermost != nullptr) innermost->has_no_content_ = true;
}

}  // namespace pandagpt
