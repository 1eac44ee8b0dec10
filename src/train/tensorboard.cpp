#include "train/tensorboard.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>

#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

constexpr std::uint32_t kCastagnoli = 0x82F63B78;  // reflected
constexpr std::uint32_t kMaskDelta = 0xA282EAD8;

// Wire types and field numbers of the protocol buffers.
enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
namespace event {
enum { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7 };
}
namespace session_log {
enum { kStatus = 1, kStart = 1 };
}
namespace summary {
enum { kValue = 1, kTag = 1, kSimpleValue = 2, kTensor = 8, kMetadata = 9 };
enum { kPluginData = 1, kPluginName = 1 };
enum { kDtype = 1, kShape = 2, kStringVal = 8, kDtString = 7 };
enum { kDim = 2, kDimSize = 1 };
}  // namespace summary

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit)
      table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? kCastagnoli : 0);
  }
  return table;
}

/// The lowest `n` bytes, the least significant one first.
std::string little_endian(std::uint64_t value, int n) {
  std::string bytes;
  for (int i = 0; i < n; ++i)
    bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string masked_crc(std::string_view bytes) {
  return little_endian(std::rotr(crc32c(bytes), 15) + kMaskDelta, 4);
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7)
    bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(int field, WireType type) {
  return varint(static_cast<std::uint64_t>(field) << 3 | type);
}

std::string number_field(int field, std::int64_t value) {
  return key(field, kVarint) + varint(static_cast<std::uint64_t>(value));
}

std::string float_field(int field, double value) {
  return key(field, kFixed32) +
         little_endian(std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4);
}

std::string bytes_field(int field, std::string_view value) {
  return key(field, kBytes) + varint(value.size()) + std::string(value);
}

std::string event_at(std::int64_t step, double wall_time) {
  return key(event::kWallTime, kFixed64) +
         little_endian(std::bit_cast<std::uint64_t>(wall_time), 8) +
         number_field(event::kStep, step);
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes)
    crc = kTable[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::string tf_record(std::string_view payload) {
  const std::string length = little_endian(payload.size(), 8);
  return length + masked_crc(length) + std::string(payload) + masked_crc(payload);
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder, std::int64_t last_step) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);  // opening says why, if it failed
  const double time = now();
  // TensorBoard reads the files of a folder in the order of their names
  const auto milliseconds = static_cast<std::int64_t>(time * 1e3);
  for (int number = 0; path_.empty() || std::filesystem::exists(path_); ++number)
    path_ = folder / fmt::format("events.out.tfevents.{}.{:07}.{}", milliseconds, getpid(), number);
  out_.open(path_, std::ios::binary | std::ios::trunc);
  write(event_at(0, time) + bytes_field(event::kFileVersion, "brain.Event:2"));
  // "a run starts here": all that was logged for this step and later ones is out of date
  if (last_step > 0)
    write(event_at(last_step + 1, time) +
          bytes_field(event::kSessionLog, number_field(session_log::kStatus, session_log::kStart)));
}

void TensorBoardWriter::scalars(std::int64_t step,
                                const std::vector<std::pair<std::string, double>>& values) {
  std::string points;
  for (const auto& [tag, value] : values)
    points += bytes_field(summary::kValue, bytes_field(summary::kTag, tag) +
                                               float_field(summary::kSimpleValue, value));
  write(event_at(step, now()) + bytes_field(event::kSummary, points));
}

void TensorBoardWriter::text(std::int64_t step, const std::string& tag,
                             const std::string& markdown) {
  using namespace summary;
  const std::string tensor = number_field(kDtype, kDtString) +
                             bytes_field(kShape, bytes_field(kDim, number_field(kDimSize, 1))) +
                             bytes_field(kStringVal, markdown);
  const std::string metadata = bytes_field(kPluginData, bytes_field(kPluginName, "text"));
  const std::string value =
      bytes_field(kTag, tag) + bytes_field(kTensor, tensor) + bytes_field(kMetadata, metadata);
  write(event_at(step, now()) + bytes_field(event::kSummary, bytes_field(kValue, value)));
}

void TensorBoardWriter::write(const std::string& event) {
  out_ << tf_record(event) << std::flush;
  if (!out_)
    throw Error(ErrorKind::kInternal, path_.string() + ": writing failed; is the disk full?");
}

}  // namespace pandagpt::train
