#include "media/logs/topics.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

namespace pandagpt {
namespace {

std::uint64_t distance(std::uint64_t a, std::uint64_t b) {
  return a < b ? b - a : a - b;
}

std::uint64_t distance(const LogBlock& block, std::uint64_t time_ns) {
  if (time_ns < block.first_ns) return block.first_ns - time_ns;
  return time_ns > block.last_ns ? time_ns - block.last_ns : 0;
}

bool may_hold(const LogBlock& block, const LogTopic& topic) {
  if (!block.has_messages) return false;
  if (!block.knows_channels) return true;
  return std::ranges::any_of(topic.channels,
                             [&](std::uint32_t id) { return block.counts.contains(id); });
}

/// Those that may hold messages of a topic, the one with the smallest `key` first.
template <typename Key>
std::vector<const LogBlock*> blocks_of(const RecordedLog& log, const LogTopic& topic,
                                       const Key& key) {
  std::vector<const LogBlock*> found;
  for (const LogBlock& block : log.blocks())
    if (may_hold(block, topic)) found.push_back(&block);
  std::ranges::stable_sort(found, {}, [&](const LogBlock* block) { return key(*block); });
  return found;
}

}  // namespace

std::vector<LogTopic> topics_of(const RecordedLog& log) {
  std::map<std::tuple<std::string, std::string, std::string>, LogTopic> found;
  for (const auto& [id, channel] : log.channels()) {
    LogTopic& topic = found[{channel.topic, channel.type, channel.encoding}];
    topic.name = channel.topic;
    topic.type = channel.type;
    topic.encoding = channel.encoding;
    topic.channels.insert(id);
  }
  std::vector<LogTopic> topics;
  for (auto& [key, topic] : found)
    topics.push_back(std::move(topic));
  return topics;
}

std::optional<FoundMessage> nearest_message(RecordedLog& log, const LogTopic& topic,
                                            std::uint64_t time_ns) {
  const auto blocks =
      blocks_of(log, topic, [&](const LogBlock& block) { return distance(block, time_ns); });
  std::optional<FoundMessage> best;
  const auto is_better = [&](std::uint64_t time) {
    if (!best) return true;
    const std::uint64_t known = distance(best->time_ns, time_ns);
    const std::uint64_t other = distance(time, time_ns);
    return other < known || (other == known && time < best->time_ns);
  };
  for (const LogBlock* block : blocks) {
    if (best && distance(*block, time_ns) > distance(best->time_ns, time_ns)) break;
    log.visit(*block, [&](const LogMessage& message) {
      if (!topic.channels.contains(message.channel) || !is_better(message.time_ns)) return true;
      best = FoundMessage{message.time_ns, {message.data.begin(), message.data.end()}};
      return true;
    });
  }
  return best;
}

void visit_topic(RecordedLog& log, const LogTopic& topic, std::uint64_t from_ns,
                 std::uint64_t until_ns, const LogVisitor& visitor) {
  bool goes_on = true;
  for (const LogBlock* block :
       blocks_of(log, topic, [](const LogBlock& b) { return b.first_ns; })) {
    if (block->last_ns < from_ns || block->first_ns >= until_ns) continue;
    log.visit(*block, [&](const LogMessage& message) {
      const bool is_wanted = topic.channels.contains(message.channel) &&
                             message.time_ns >= from_ns && message.time_ns < until_ns;
      if (is_wanted) goes_on = visitor(message);
      return goes_on;
    });
    if (!goes_on) return;
  }
}

}  // namespace pandagpt
