#include "media/logs/log_summary.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <ctime>
#include <map>

#include "media/logs/log_inputs.h"
#include "media/logs/ros_messages.h"
#include "media/logs/topics.h"

namespace pandagpt {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

/// Of one channel.
struct Span {
  std::uint64_t count = 0;
  std::uint64_t first_ns = UINT64_MAX;
  std::uint64_t last_ns = 0;

  void add(std::uint64_t time_ns) {
    first_ns = std::min(first_ns, time_ns);
    last_ns = std::max(last_ns, time_ns);
  }
};

std::string date_of(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / 1'000'000'000);
  std::tm parts{};
  std::array<char, 64> text{};
  gmtime_r(&seconds, &parts);
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

/// Where the index doesn't count them.
Span count(RecordedLog& log, const LogTopic& topic) {
  Span span;
  visit_topic(log, topic, 0, UINT64_MAX, [&](const LogMessage& message) {
    ++span.count;
    span.add(message.time_ns);
    return true;
  });
  return span;
}

Span span_of(RecordedLog& log, const LogTopic& topic) {
  if (log.counts().empty()) return count(log, topic);
  Span span;
  for (const std::uint32_t id : topic.channels)
    if (const auto found = log.counts().find(id); found != log.counts().end())
      span.count += found->second;
  for (const std::uint64_t end : {std::uint64_t{0}, UINT64_MAX})
    if (const auto message = nearest_message(log, topic, end)) span.add(message->time_ns);
  return span;
}

std::string inputs_of(const LogTopic& topic, const std::optional<TopicContent>& content) {
  if (!is_ros_encoding(topic.encoding)) return "";
  if (topic.type == kRosImu) return "--imu";
  if (!content) return "";
  if (content->is_map)
    return content->is_picture ? "--depth, --thermal, --image" : "--depth, --thermal";
  return content->is_picture ? "--image, --thermal" : "";
}

LogSummary::Topic summarize(RecordedLog& log, const LogTopic& topic) {
  const Span span = span_of(log, topic);
  const std::optional<TopicContent> content = topic_content(log, topic);
  LogSummary::Topic result{topic.name, topic.type, topic.encoding, span.count};
  if (span.count > 0) {
    const std::uint64_t start = log.first_ns();
    result.first = static_cast<double>(span.first_ns - start) / kNanosecondsPerSecond;
    result.last = static_cast<double>(span.last_ns - start) / kNanosecondsPerSecond;
  }
  if (content) {
    result.content = content->encoding;
    if (content->width > 0)
      result.content += fmt::format(", {} x {}", content->width, content->height);
  }
  result.inputs = inputs_of(topic, content);
  return result;
}

}  // namespace

LogSummary summarize_log(RecordedLog& log) {
  LogSummary summary;
  summary.format = log.format();
  summary.start = date_of(log.first_ns());
  summary.duration = static_cast<double>(log.last_ns() - log.first_ns()) / kNanosecondsPerSecond;
  for (const LogTopic& topic : topics_of(log)) {
    summary.topics.push_back(summarize(log, topic));
    summary.n_messages += summary.topics.back().n_messages;
  }
  return summary;
}

std::optional<LogSummary> summarize_log(const std::string& path) {
  std::optional<LogInput> input = open_log(path);
  if (!input) return std::nullopt;
  return summarize_log(*input->log);
}

}  // namespace pandagpt
