// Bags of ROS 1, https://wiki.ros.org/Bags/Format/2.0.
#include <optional>
#include <string_view>
#include <utility>

#include "core/warnings.h"
#include "media/logs/cursor.h"
#include "media/logs/recorded_log.h"
#include "media/logs/unpack.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kMagic = "#ROSBAG V2.0\n";
constexpr std::string_view kMagicOfAny = "#ROSBAG V";  // and of version 1.2
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint32_t kMaxHeaderBytes = 1 << 20;
constexpr std::uint32_t kMaxIndexBytes = 1 << 30;

enum class Op : std::uint8_t {
  kMessage = 0x02,
  kBagHeader = 0x03,
  kIndex = 0x04,
  kChunk = 0x05,
  kChunkInfo = 0x06,
  kConnection = 0x07,
};

/// "name=value" pairs; values are numbers or texts.
class Fields {
 public:
  explicit Fields(ByteView bytes) {
    Cursor cursor(bytes);
    while (!cursor.at_end()) {
      const ByteView field = cursor.take(cursor.u32());
      const std::string_view text(reinterpret_cast<const char*>(field.data()), field.size());
      const std::size_t middle = text.find('=');
      if (middle == std::string_view::npos) throw OutOfBytes();
      values_[std::string(text.substr(0, middle))] = field.subspan(middle + 1);
    }
  }

  Cursor number(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw OutOfBytes();
    return Cursor(found->second);
  }
  std::string text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return "";
    return {found->second.begin(), found->second.end()};
  }
  std::uint64_t time_ns(const std::string& name) const {
    Cursor cursor = number(name);
    const std::uint64_t seconds = cursor.u32();
    return seconds * kNanosecondsPerSecond + cursor.u32();
  }
  Op op() const { return static_cast<Op>(number("op").u8()); }

 private:
  std::map<std::string, ByteView> values_;
};

class RosBag : public RecordedLog {
 public:
  explicit RosBag(ByteSource source) : RecordedLog(std::move(source)) {
    std::uint64_t index_at = 0;
    try {
      const Record header = record_at(kMagic.size());
      if (fields_of(header).op() != Op::kBagHeader) throw OutOfBytes();
      index_at = fields_of(header).number("index_pos").u64();
      data_at_ = header.end();
    } catch (const OutOfBytes&) {
      fail("the bag's header is damaged; get a complete copy of it");
    }
    if (index_at < source_.size() && index_at >= data_at_ && read_index(index_at)) return;
    channels_.clear();
    blocks_.clear();
    counts_.clear();
    scan();
  }

  const char* format() const override { return "ROS 1 bag"; }

 protected:
  Bytes records_of(const LogBlock& block) override {
    const Record record = record_at(block.at);
    const Fields fields = fields_of(record);
    const std::string where = name() + ": the chunk at byte " + std::to_string(block.at);
    if (fields.op() != Op::kChunk)
      throw Error(ErrorKind::kInput, where + " is none; get a complete copy of the bag");
    const std::string method = fields.text("compression");
    const std::uint32_t size = fields.number("size").u32();
    return unpack_chunk(source_.read(record.data_at, record.data_length), method, size, where);
  }

  void walk(ByteView records, const LogVisitor& visitor) override {
    Cursor cursor(records);
    while (!cursor.at_end()) {
      const Fields fields(cursor.take(cursor.u32()));
      const ByteView data = cursor.take(cursor.u32());
      const Op op = fields.op();
      if (op == Op::kConnection) {
        learn(fields, data);
      } else if (op == Op::kMessage) {
        if (!visitor({fields.number("conn").u32(), fields.time_ns("time"), data})) return;
      }
    }
  }

 private:
  struct Record {
    std::uint64_t at = 0;
    std::uint32_t header_length = 0;
    std::uint64_t data_at = 0;
    std::uint32_t data_length = 0;

    std::uint64_t end() const { return data_at + data_length; }
  };

  Record record_at(std::uint64_t at) {
    Record record;
    record.at = at;
    record.header_length = Cursor(source_.peek(at, sizeof(std::uint32_t))).u32();
    if (record.header_length > kMaxHeaderBytes) throw OutOfBytes();
    const std::uint64_t length_at = at + sizeof(std::uint32_t) + record.header_length;
    record.data_length = Cursor(source_.peek(length_at, sizeof(std::uint32_t))).u32();
    record.data_at = length_at + sizeof(std::uint32_t);
    if (record.data_length > source_.size() - record.data_at) throw OutOfBytes();
    return record;
  }

  /// Valid until the next reading of the source.
  Fields fields_of(const Record& record) {
    return Fields(source_.peek(record.at + sizeof(std::uint32_t), record.header_length));
  }

  void learn(const Fields& fields, ByteView data) {
    const std::uint32_t id = fields.number("conn").u32();
    const std::string topic = fields.text("topic");
    channels_[id] = {topic, Fields(data).text("type"), "ros1"};
  }

  // --- With an index -----------------------------------------------------------------------------

  /// Connections and chunk infos, up to the end of the file; false if they don't go together.
  bool read_index(std::uint64_t at) {
    try {
      while (at < source_.size()) {
        const Record record = record_at(at);
        if (record.data_length > kMaxIndexBytes) return false;
        const Bytes data = source_.read(record.data_at, record.data_length);
        const Fields fields = fields_of(record);
        if (fields.op() == Op::kConnection)
          learn(fields, data);
        else if (fields.op() == Op::kChunkInfo)
          add_indexed(fields, data);
        at = record.end();
      }
    } catch (const OutOfBytes&) {
      return false;
    }
    return !channels_.empty() || blocks_.empty();
  }

  void add_indexed(const Fields& fields, ByteView data) {
    LogBlock block;
    block.at = fields.number("chunk_pos").u64();
    block.first_ns = fields.time_ns("start_time");
    block.last_ns = fields.time_ns("end_time");
    block.knows_channels = true;
    Cursor cursor(data);
    while (!cursor.at_end()) {
      const std::uint32_t connection = cursor.u32();
      const std::uint32_t count = cursor.u32();
      block.counts[connection] += count;
      counts_[connection] += count;
    }
    block.has_messages = !block.counts.empty();
    add_block(std::move(block));
  }

  // --- Without one: the bag was not closed -------------------------------------------------------

  void scan() {
    warn(name() +
         ": the bag was not closed and has no index; it is read through, which takes "
         "longer ('rosbag reindex' mends it)");
    try {
      for (std::uint64_t at = data_at_; at < source_.size();) {
        const Record record = record_at(at);
        if (fields_of(record).op() == Op::kChunk)
          add_block({.at = record.at, .length = record.end() - record.at});
        at = record.end();
      }
    } catch (const OutOfBytes&) {  // the last chunk is unfinished
    }
    survey_all();
  }

  std::uint64_t data_at_ = 0;  // behind the header
};

}  // namespace

bool is_ros_bag(ByteView beginning) {
  return ByteReader(beginning).matches(0, kMagicOfAny);
}

std::unique_ptr<RecordedLog> open_ros_bag(ByteSource source) {
  const std::uint64_t length = std::min<std::uint64_t>(source.size(), kMagic.size());
  if (!ByteReader(source.peek(0, length)).matches(0, kMagic))
    throw Error(ErrorKind::kInput, source.name() +
                                       ": a ROS bag of another version than 2.0; run "
                                       "'rosbag fix' on it first");
  return std::make_unique<RosBag>(std::move(source));
}

}  // namespace pandagpt
