#include "media/logs/recorded_log.h"

#include <algorithm>
#include <utility>

#include "core/time_limit.h"
#include "media/byte_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// So many chunks are an index of a few hundred megabytes.
constexpr std::size_t kMaxBlocks = std::size_t{1} << 21;

}  // namespace

bool RecordedLog::begins_as_log(ByteView beginning) {
  return is_mcap(beginning) || is_ros_bag(beginning);
}

std::unique_ptr<RecordedLog> RecordedLog::open(ByteSource source) {
  const ByteView beginning = source.peek(0, std::min<std::uint64_t>(source.size(), 16));
  if (is_mcap(beginning)) return open_mcap(std::move(source));
  if (is_ros_bag(beginning)) return open_ros_bag(std::move(source));
  throw Error(ErrorKind::kInput,
              source.name() + ": no log of a robot; MCAP and ROS 1 bags are read");
}

void RecordedLog::fail(const std::string& why) const {
  throw Error(ErrorKind::kInput, name() + ": " + why);
}

std::uint64_t RecordedLog::first_ns() const {
  std::uint64_t first = UINT64_MAX;
  for (const LogBlock& block : blocks_)
    if (block.has_messages) first = std::min(first, block.first_ns);
  return first == UINT64_MAX ? 0 : first;
}

std::uint64_t RecordedLog::last_ns() const {
  std::uint64_t last = 0;
  for (const LogBlock& block : blocks_)
    if (block.has_messages) last = std::max(last, block.last_ns);
  return last;
}

void RecordedLog::visit(const LogBlock& block, const LogVisitor& visitor) {
  TimeLimit::check(name());
  try {
    walk(records_of(block), visitor);
  } catch (const OutOfBytes&) {
    fail("the chunk at byte " + std::to_string(block.at) +
         " is damaged; get a complete copy of the log");
  }
}

void RecordedLog::survey_all() {
  for (LogBlock& block : blocks_) {
    block.counts.clear();
    block.first_ns = UINT64_MAX;
    block.last_ns = 0;
    visit(block, [&](const LogMessage& message) {
      ++block.counts[message.channel];
      ++counts_[message.channel];
      block.first_ns = std::min(block.first_ns, message.time_ns);
      block.last_ns = std::max(block.last_ns, message.time_ns);
      return true;
    });
    block.has_messages = !block.counts.empty();
    block.knows_channels = true;
  }
}

void RecordedLog::add_block(LogBlock block) {
  if (blocks_.size() >= kMaxBlocks) fail("has more than two million chunks; write larger ones");
  blocks_.push_back(std::move(block));
}

}  // namespace pandagpt
