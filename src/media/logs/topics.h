// The topics of a log, and finding messages of one by time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "media/logs/recorded_log.h"

namespace pandagpt {

struct LogTopic {
  std::string name;
  std::string type;
  std::string encoding;
  std::set<std::uint32_t> channels;
};

/// Sorted by name. A name under which messages of two types were written occurs twice.
std::vector<LogTopic> topics_of(const RecordedLog& log);

struct FoundMessage {
  std::uint64_t time_ns = 0;
  Bytes data;
};

/// The message whose time is nearest to `time_ns`; of two the one that comes first. Only chunks
/// that may hold it are unpacked. Nothing if the topic has no messages.
std::optional<FoundMessage> nearest_message(RecordedLog& log, const LogTopic& topic,
                                            std::uint64_t time_ns);

/// Messages with from_ns <= time < until_ns, chunk by chunk in the order of the chunks' first
/// times.
void visit_topic(RecordedLog& log, const LogTopic& topic, std::uint64_t from_ns,
                 std::uint64_t until_ns, const LogVisitor& visitor);

}  // namespace pandagpt
