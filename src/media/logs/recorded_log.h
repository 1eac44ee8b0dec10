// Logs of robots: messages of many topics, in the order in which they came, in chunks.
//
// - MCAP (https://mcap.dev/spec): chunked or not, with and without a summary.
// - ROS 1 bags, version 2.0 (https://wiki.ros.org/Bags/Format/2.0), also those that were not
// closed.
//
// A log may be larger than the memory: its index is read, and one chunk at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "media/byte_source.h"

namespace pandagpt {

/// One writer of a topic. Several may write to the same one.
struct LogChannel {
  std::string topic;
  std::string type;      ///< without ROS 2's "msg/": "sensor_msgs/Imu"
  std::string encoding;  ///< of the messages: "ros1", "cdr", "json", "protobuf", ..
};

struct LogMessage {
  std::uint32_t channel = 0;
  std::uint64_t time_ns = 0;  ///< when it was written, since the log's clock began
  ByteView data;              ///< valid within the visit
};
/// Returns whether to go on.
using LogVisitor = std::function<bool(const LogMessage&)>;

/// A chunk, or a run of messages outside of chunks.
struct LogBlock {
  std::uint64_t at = 0;      ///< where it begins in the file
  std::uint64_t length = 0;  ///< in the file
  bool is_chunk = true;
  bool has_messages = true;
  std::uint64_t first_ns = 0;  ///< of its messages' times
  std::uint64_t last_ns = 0;
  /// Its messages by channel. 0: the channel occurs, and nobody has counted.
  std::map<std::uint32_t, std::uint64_t> counts = {};
  bool knows_channels = false;  ///< whether `counts` names every channel that occurs
};

class RecordedLog {
 public:
  virtual ~RecordedLog() = default;

  /// Whether a file begins as one of the formats does. Sixteen bytes are enough.
  static bool begins_as_log(ByteView beginning);
  /// Reads the index; a log without one is read through once. Throws Error(kInput), "NAME: what;
  /// what to do".
  static std::unique_ptr<RecordedLog> open(ByteSource source);

  virtual const char* format() const = 0;  ///< "MCAP", "ROS 1 bag"
  const std::string& name() const { return source_.name(); }
  const std::map<std::uint32_t, LogChannel>& channels() const { return channels_; }
  const std::vector<LogBlock>& blocks() const { return blocks_; }
  /// Of the first message of all, and of the last one; 0 for an empty log.
  std::uint64_t first_ns() const;
  std::uint64_t last_ns() const;
  /// Messages by channel, where the index counts them.
  const std::map<std::uint32_t, std::uint64_t>& counts() const { return counts_; }

  /// Messages of one block, in the order of the file.
  void visit(const LogBlock& block, const LogVisitor& visitor);

  /// Throws Error(kInput), "NAME: why".
  [[noreturn]] void fail(const std::string& why) const;

 protected:
  explicit RecordedLog(ByteSource source) : source_(std::move(source)) {}

  /// The records of a block.
  virtual Bytes records_of(const LogBlock& block) = 0;
  /// Calls the visitor for the messages among records, and learns channels.
  virtual void walk(ByteView records, const LogVisitor& visitor) = 0;

  /// Reads all blocks through to learn their times, channels and counts.
  void survey_all();
  void add_block(LogBlock block);

  ByteSource source_;
  std::map<std::uint32_t, LogChannel> channels_;
  std::vector<LogBlock> blocks_;
  std::map<std::uint32_t, std::uint64_t> counts_;
};

/// For RecordedLog::open.
bool is_mcap(ByteView beginning);
std::unique_ptr<RecordedLog> open_mcap(ByteSource source);
bool is_ros_bag(ByteView beginning);
std::unique_ptr<RecordedLog> open_ros_bag(ByteSource source);

}  // namespace pandagpt
