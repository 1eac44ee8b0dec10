// MCAP, https://mcap.dev/spec, version 0.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "core/warnings.h"
#include "media/logs/cursor.h"
#include "media/logs/recorded_log.h"
#include "media/logs/unpack.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{0x89, 'M', 'C', 'A', 'P', '0', '\r', '\n'};

enum class Op : std::uint8_t {
  kFooter = 0x02,
  kSchema = 0x03,
  kChannel = 0x04,
  kMessage = 0x05,
  kChunk = 0x06,
  kMessageIndex = 0x07,
  kChunkIndex = 0x08,
  kStatistics = 0x0B,
  kDataEnd = 0x0F,
};

constexpr std::uint64_t kHeadBytes = 9;          // of a record: its kind, and its length
constexpr std::uint64_t kFooterBytes = 20;       // behind them
constexpr std::uint64_t kMessageHeadBytes = 22;  // in front of a message's data
constexpr std::uint64_t kMaxSummaryBytes = std::uint64_t{256} << 20;
// Of a run of messages outside of chunks; a larger message is a run of its own.
constexpr std::uint64_t kRunBytes = std::uint64_t{4} << 20;

struct Record {
  Op op;
  std::uint64_t at;      ///< of its head
  std::uint64_t length;  ///< without its head

  std::uint64_t body() const { return at + kHeadBytes; }
  std::uint64_t end() const { return body() + length; }
};

/// Texts and tables have their length in front.
std::string text_of(Cursor& cursor) {
  return cursor.text(cursor.u32());
}

/// "sensor_msgs/msg/Imu" -> "sensor_msgs/Imu"
std::string plain_type(std::string type) {
  constexpr std::string_view kMiddle = "/msg/";
  const std::size_t at = type.find(kMiddle);
  if (at != std::string::npos) type.erase(at, kMiddle.size() - 1);
  return type;
}

class Mcap : public RecordedLog {
 public:
  explicit Mcap(ByteSource source) : RecordedLog(std::move(source)) {
    bool has_index = false;
    try {
      has_index = read_summary();
    } catch (const OutOfBytes&) {  // a damaged summary: what lies before it is read instead
    }
    if (has_index) return;
    schemas_.clear();
    channels_.clear();
    blocks_.clear();
    counts_.clear();
    scan();
  }

  const char* format() const override { return "MCAP"; }

 protected:
  Bytes records_of(const LogBlock& block) override {
    if (!block.is_chunk) return source_.read(block.at, block.length);
    const Record record = record_at(block.at);
    const std::string where = name() + ": the chunk at byte " + std::to_string(block.at);
    if (record.op != Op::kChunk || record.length > 2 * kMaxChunkBytes)
      throw Error(ErrorKind::kInput, where + " is none; get a complete copy of the log");
    Bytes body = source_.read(record.body(), record.length);
    Cursor cursor(body);
    cursor.skip(2 * sizeof(std::uint64_t));  // times
    const std::uint64_t size = cursor.u64();
    const std::uint32_t crc = cursor.u32();
    const std::string method = text_of(cursor);
    const ByteView packed = cursor.take(cursor.u64());
    Bytes records = unpack_chunk({packed.begin(), packed.end()}, method, size, where);
    if (crc != 0 && crc != crc32(0, records.data(), static_cast<uInt>(records.size())))
      throw Error(ErrorKind::kInput, where +
                                         " is damaged: its checksum is another one; get a "
                                         "complete copy of the log");
    return records;
  }

  void walk(ByteView records, const LogVisitor& visitor) override {
    Cursor cursor(records);
    while (!cursor.at_end()) {
      const auto op = static_cast<Op>(cursor.u8());
      Cursor body(cursor.take(cursor.u64()));
      if (op == Op::kMessage) {
        LogMessage message;
        message.channel = body.u16();
        body.skip(sizeof(std::uint32_t));  // sequence
        message.time_ns = body.u64();
        body.skip(sizeof(std::uint64_t));  // publishing time
        message.data = body.rest();
        if (!visitor(message)) return;
      } else {
        learn(op, body);
      }
    }
  }

 private:
  Record record_at(std::uint64_t at) {
    Cursor head(source_.peek(at, kHeadBytes));
    const auto op = static_cast<Op>(head.u8());
    const Record record{op, at, head.u64()};
    if (record.length > source_.size() - record.body()) throw OutOfBytes();
    return record;
  }

  /// Schemas and channels.
  void learn(Op op, Cursor body) {
    if (op == Op::kSchema) {
      const std::uint16_t id = body.u16();
      schemas_[id] = plain_type(text_of(body));
    } else if (op == Op::kChannel) {
      const std::uint16_t id = body.u16();
      const std::uint16_t schema = body.u16();
      LogChannel channel;
      channel.topic = text_of(body);
      channel.encoding = text_of(body);
      channel.type = schemas_[schema];
      channels_[id] = std::move(channel);
    }
  }

  // --- With an index -----------------------------------------------------------------------------

  /// Whether the log has a summary that names all chunks and channels.
  bool read_summary() {
    const std::uint64_t tail = kHeadBytes + kFooterBytes + kMagic.size();
    if (source_.size() < kMagic.size() + tail) return false;
    const std::uint64_t footer_at = source_.size() - tail;
    if (!std::ranges::equal(source_.peek(source_.size() - kMagic.size(), kMagic.size()), kMagic))
      return false;
    const Record footer = record_at(footer_at);
    if (footer.op != Op::kFooter || footer.length != kFooterBytes) return false;
    const std::uint64_t begin = Cursor(source_.peek(footer.body(), kFooterBytes)).u64();
    if (begin < kMagic.size() || begin >= footer_at) return false;
    if (footer_at - begin > kMaxSummaryBytes)
      fail("the summary is larger than " + std::to_string(kMaxSummaryBytes >> 20) +
           " MiB; write larger chunks");
    const Bytes summary = source_.read(begin, footer_at - begin);
    Cursor cursor(summary);
    while (!cursor.at_end()) {
      const auto op = static_cast<Op>(cursor.u8());
      Cursor body(cursor.take(cursor.u64()));
      if (op == Op::kChunkIndex)
        add_indexed(body);
      else if (op == Op::kStatistics)
        read_statistics(body);
      else
        learn(op, body);
    }
    return is_complete();
  }

  void read_statistics(Cursor& body) {
    constexpr std::uint64_t kSizes = 2 + 4 * 4;  // numbers of schemas, channels, attachments, ..
    n_messages_ = body.u64();
    body.skip(kSizes + 2 * sizeof(std::uint64_t));  // first and last time
    Cursor table(body.take(body.u32()));
    while (!table.at_end()) {
      const std::uint16_t channel = table.u16();
      counts_[channel] = table.u64();
    }
  }

  void add_indexed(Cursor& body) {
    constexpr std::uint64_t kIndexEntryBytes = 16;
    constexpr std::uint64_t kIndexHeadBytes = kHeadBytes + 2 + 4;  // channel, length of the table
    LogBlock block;
    block.first_ns = body.u64();
    block.last_ns = body.u64();
    block.at = body.u64();
    block.length = body.u64();
    Cursor offsets(body.take(body.u32()));
    while (!offsets.at_end()) {
      block.counts[offsets.u16()] = 0;
      offsets.skip(sizeof(std::uint64_t));
    }
    block.has_messages = block.last_ns != 0 || !block.counts.empty();
    const std::uint64_t index_bytes = body.u64();
    const std::uint64_t heads = block.counts.size() * kIndexHeadBytes;
    block.knows_channels = !block.counts.empty();
    if (index_bytes >= heads) n_indexed_ += (index_bytes - heads) / kIndexEntryBytes;
    has_message_index_ = has_message_index_ || index_bytes != 0;
    add_block(std::move(block));
  }

  bool is_complete() const {
    if (blocks_.empty()) return n_messages_ == std::optional<std::uint64_t>(0);
    // Messages outside of chunks are in no index.
    if (has_message_index_ && n_messages_ && *n_messages_ != n_indexed_) return false;
    if (channels_.empty()) return false;
    return std::ranges::all_of(blocks_, [this](const LogBlock& block) {
      return std::ranges::all_of(block.counts,
                                 [this](const auto& one) { return channels_.contains(one.first); });
    });
  }

  // --- Without one -------------------------------------------------------------------------------

  void scan() {
    bool is_whole = false;
    try {
      is_whole = scan_records();
    } catch (const OutOfBytes&) {
    }
    flush_run();
    if (!is_whole) warn(name() + ": the log was not closed; what was written before is used");
    survey_all();
  }

  /// Whether the end was found.
  bool scan_records() {
    for (std::uint64_t at = kMagic.size(); at < source_.size();) {
      const Record record = record_at(at);
      switch (record.op) {
        case Op::kFooter:
        case Op::kDataEnd:
          return true;
        case Op::kChunk:
          flush_run();
          add_block({.at = record.at, .length = kHeadBytes + record.length});
          break;
        case Op::kSchema:
        case Op::kChannel:
        case Op::kMessage:
          extend_run(record);
          break;
        default:
          flush_run();
      }
      at = record.end();
    }
    return false;
  }

  void extend_run(const Record& record) {
    if (run_ && record.end() - run_->at > kRunBytes) flush_run();
    if (record.length > kMaxChunkBytes)
      fail("the message at byte " + std::to_string(record.at) + " is larger than the limit of " +
           std::to_string(kMaxChunkBytes >> 20) + " MiB");
    if (!run_) run_ = LogBlock{.at = record.at, .is_chunk = false};
    run_->length = record.end() - run_->at;
  }

  void flush_run() {
    if (run_) add_block(std::move(*run_));
    run_.reset();
  }

  std::map<std::uint16_t, std::string> schemas_;  // types by number
  std::optional<std::uint64_t> n_messages_;       // of the statistics
  std::uint64_t n_indexed_ = 0;
  bool has_message_index_ = false;
  std::optional<LogBlock> run_;
};

}  // namespace

bool is_mcap(ByteView beginning) {
  return beginning.size() >= kMagic.size() &&
         std::ranges::equal(beginning.first(kMagic.size()), kMagic);
}

std::unique_ptr<RecordedLog> open_mcap(ByteSource source) {
  return std::make_unique<Mcap>(std::move(source));
}

}  // namespace pandagpt
