// What is in a robot's log, for `pandagpt inspect`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/logs/recorded_log.h"

namespace pandagpt {

struct LogSummary {
  struct Topic {
    std::string name = {};
    std::string type = {};
    std::string encoding = {};  ///< of the messages: "ros1", "cdr", ..
    std::uint64_t n_messages = 0;
    double first = 0;          ///< seconds from the log's beginning
    double last = 0;           ///< likewise
    std::string content = {};  ///< of the first message of pictures: "16UC1, 640 x 480"
    std::string inputs = {};   ///< what it can be given as: "--depth, --thermal"; "" for nothing
  };
  std::string format;   ///< "MCAP", "ROS 1 bag"
  std::string start;    ///< "2026-11-29 10:00:00 UTC"
  double duration = 0;  ///< seconds
  std::uint64_t n_messages = 0;
  std::vector<Topic> topics;  ///< by name
};

/// Nothing for a file that is no log. Reads the index and, to find each topic's first and last
/// message, the chunks that it takes. Throws Error(kInput), "NAME: what; what to do".
std::optional<LogSummary> summarize_log(const std::string& path);
LogSummary summarize_log(RecordedLog& log);

}  // namespace pandagpt
