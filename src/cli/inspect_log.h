// What `pandagpt inspect` says about a robot's log.
#pragma once

#include <string>

#include "media/logs/log_summary.h"

namespace pandagpt {

/// A table of the topics, or JSON.
void print_log(const std::string& path, const LogSummary& log, bool as_json);

}  // namespace pandagpt
