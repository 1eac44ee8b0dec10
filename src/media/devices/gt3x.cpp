// ActiGraph's GT3X: a zip archive with info.txt and log.bin, a chain of records
// (github.com/actigraph/GT3X-File-Format).
#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/warnings.h"
#include "core/zip_reader.h"
#include "media/devices/device_imu.h"
#include "media/logs/cursor.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxInfoBytes = 1 << 16;
constexpr std::uint64_t kMaxLogBytes = std::uint64_t{512} << 20;
constexpr std::uint8_t kSeparator = 0x1E;
constexpr std::uint8_t kActivity = 0x00;   // 12 bits a number
constexpr std::uint8_t kActivity2 = 0x1A;  // 16 bits a number

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

/// "name: value" lines.
std::map<std::string, std::string> read_info(const Bytes& bytes) {
  std::map<std::string, std::string> info;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos)
      info[std::string(line.substr(0, colon))] = line.substr(colon + 2);
  }
  return info;
}

double number_of(const std::string& text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() ? value : 0;
}

/// What one g is, by info.txt, else by the model.
double scale_of(std::map<std::string, std::string>& info) {
  if (const double stated = number_of(info["Acceleration Scale"]); stated > 0) return stated;
  const std::string& serial = info["Serial Number"];
  return serial.starts_with("NEO") || serial.starts_with("CLE") ? 341 : 256;
}

struct Record {
  std::uint8_t type = 0;
  std::uint32_t time = 0;  ///< seconds since 1970
  ByteView payload;
};

/// False at the end, or where the chain breaks.
bool next_record(Cursor& cursor, Record& record) {
  if (cursor.at_end() || cursor.u8() != kSeparator) return false;
  record.type = cursor.u8();
  record.time = cursor.u32();
  record.payload = cursor.take(cursor.u16());
  cursor.skip(1);  // checksum
  return true;
}

/// Twelve bits each, the highest first: y, x, z.
std::vector<ImuSample> read_activity(ByteView payload, double scale) {
  constexpr std::size_t kBitsOfSample = 36;
  const std::size_t count = payload.size() * 8 / kBitsOfSample;
  std::vector<ImuSample> samples(count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t axis = 0; axis < 3; ++axis) {
      constexpr std::array<std::size_t, 3> kPlaces{1, 0, 2};
      const std::size_t bit = i * kBitsOfSample + 12 * axis;
      const unsigned pair = payload[bit / 8] << 8 | payload[bit / 8 + 1];
      const int raw = static_cast<int>(bit % 8 == 0 ? pair >> 4 : pair & 0xFFF);
      samples[i][kPlaces[axis]] = (raw < 0x800 ? raw : raw - 0x1000) / scale;
    }
  return samples;
}

std::vector<ImuSample> read_activity2(ByteView payload, double scale) {
  std::vector<ImuSample> samples;
  Cursor cursor(payload);
  while (cursor.left() >= 6) {
    ImuSample& sample = samples.emplace_back();
    for (std::size_t axis = 0; axis < 3; ++axis)
      sample[axis] = static_cast<std::int16_t>(cursor.u16()) / scale;
  }
  return samples;
}

/// In idle sleep mode the device writes nothing until it is moved: it lies as it did last.
class SleepFiller {
 public:
  SleepFiller(ImuBlocks& blocks, double rate_hz) : blocks_(blocks), rate_hz_(rate_hz) {}

  void add(std::uint32_t time, std::vector<ImuSample> samples) {
    if (samples.empty()) return;
    for (; next_ && *next_ < time && blocks_.wants_more(); ++*next_, ++n_seconds_)
      blocks_.add(*next_, std::vector<ImuSample>(static_cast<std::size_t>(rate_hz_), last_));
    last_ = samples.back();
    next_ = time + 1;
    blocks_.add(time, std::move(samples));
  }
  std::uint64_t n_seconds() const { return n_seconds_; }

 private:
  ImuBlocks& blocks_;
  double rate_hz_;
  std::optional<std::uint32_t> next_;
  ImuSample last_{};
  std::uint64_t n_seconds_ = 0;
};

}  // namespace

RawImu read_gt3x(ByteView archive, const std::string& name, ImuSpan span) {
  const auto members = read_zip_table(archive, name, ErrorKind::kInput);
  if (!members.contains("log.bin"))
    fail(name, "a GT3X file of an old device (activity.bin), which isn't read; export it as CSV");
  auto info = read_info(unpack(members.at("info.txt"), kMaxInfoBytes, name, ErrorKind::kInput));
  const double rate_hz = number_of(info["Sample Rate"]);
  if (!(rate_hz > 0)) fail(name, "info.txt has no sample rate; get a complete copy of the file");
  const double scale = scale_of(info);
  const Bytes log = unpack(members.at("log.bin"), kMaxLogBytes, name, ErrorKind::kInput);
  ImuBlocks blocks(name, rate_hz, span);
  SleepFiller filler(blocks, rate_hz);
  Cursor cursor(log);
  Record record;
  try {
    while (blocks.wants_more() && next_record(cursor, record)) {
      if (record.type == kActivity)
        filler.add(record.time, read_activity(record.payload, scale));
      else if (record.type == kActivity2)
        filler.add(record.time, read_activity2(record.payload, scale));
    }
    if (blocks.wants_more() && !cursor.at_end()) throw OutOfBytes();
  } catch (const OutOfBytes&) {
    warn(name + ": log.bin is damaged or ends in the middle of a record; what came before is used");
  }
  if (filler.n_seconds() > 0)
    warn(fmt::format("{}: the device slept for {} s (idle sleep mode) and is taken as lying still",
                     name, filler.n_seconds()));
  RawImu raw = blocks.finish();
  raw.has_gyroscope = false;
  raw.acceleration = stated_unit(AccelerationUnit::kG, "the GT3X file");
  raw.report.format = "ActiGraph GT3X";
  raw.report.device = "ActiGraph " + info["Device Type"];
  raw.report.add("set rate", fmt::format("{:g} Hz", rate_hz), "info.txt");
  raw.report.add("scale", fmt::format("1/{:g} g", scale),
                 info["Acceleration Scale"].empty() ? "the device's model" : "info.txt");
  return raw;
}

}  // namespace pandagpt
