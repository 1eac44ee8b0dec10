// Axivity's CWA: sectors of 512 bytes, the first two of them the header
// (github.com/digitalinteraction/openmovement, Docs/ax3/cwa.md).
#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <cstdint>

#include "core/warnings.h"
#include "media/byte_reader.h"
#include "media/devices/device_imu.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kHeaderBytes = 1024;
constexpr std::size_t kSectorBytes = 512;
constexpr std::uint8_t kAx6 = 0x64;  // hardware type

// Offsets in the header.
constexpr std::size_t kHardwareAt = 4;
// Offsets in a sector.
constexpr std::size_t kFractionAt = 4;
constexpr std::size_t kTimeAt = 14;
constexpr std::size_t kScaleAt = 18;
constexpr std::size_t kRateCodeAt = 24;
constexpr std::size_t kFormatAt = 25;
constexpr std::size_t kOffsetAt = 26;
constexpr std::size_t kCountAt = 28;
constexpr std::size_t kSamplesAt = 30;
constexpr std::size_t kSampleBytes = 480;

struct Sector {
  double start = 0;  ///< seconds since 1970, of its first sample
  double rate_hz = 0;
  bool has_gyroscope = false;
  std::vector<ImuSample> samples;  ///< g and deg/s
};

std::int16_t s16(const ByteReader& file, std::size_t at) {
  return static_cast<std::int16_t>(file.u16(at));
}

/// The sum of all words is zero.
bool is_whole(const ByteReader& sector) {
  std::uint16_t sum = 0;
  for (std::size_t at = 0; at < kSectorBytes; at += 2)
    sum = static_cast<std::uint16_t>(sum + sector.u16(at));
  return sector.matches(0, "AX\xFC\x01") && sum == 0;
}

/// YYYYYYMM MMDDDDDh hhhhmmmm mmssssss, years from 2000 on.
double time_of(std::uint32_t packed) {
  const auto field = [packed](unsigned shift, unsigned n_bits) {
    return (packed >> shift) & ((1U << n_bits) - 1);
  };
  return seconds_of_date(static_cast<int>(2000 + field(26, 6)), field(22, 4), field(17, 5),
                         field(12, 5), field(6, 6), field(0, 6));
}

/// Three numbers of ten bits with a common exponent of two: 1/256 g.
ImuSample packed_sample(std::uint32_t word) {
  ImuSample sample{};
  const std::uint32_t exponent = word >> 30;
  for (unsigned axis = 0; axis < 3; ++axis) {
    // The sign bit is brought to the top, and back.
    const auto value = static_cast<std::int16_t>(word >> (10 * axis) << 6);
    sample[axis] = static_cast<double>(value >> 6) * (1U << exponent) / 256;
  }
  return sample;
}

void read_samples(const ByteReader& file, Sector& sector) {
  const std::uint8_t format = file.u8(kFormatAt);
  const unsigned n_axes = format >> 4;
  const unsigned sample_bytes = (format & 0x0F) == 0 ? 4 : 2 * n_axes;
  const bool is_packed = (format & 0x0F) == 0 && n_axes == 3;
  const bool is_plain = (format & 0x0F) == 2 && (n_axes == 3 || n_axes == 6 || n_axes == 9);
  const std::size_t count = file.u16(kCountAt);
  if ((!is_packed && !is_plain) || count * sample_bytes > kSampleBytes) throw OutOfBytes();
  const unsigned scale = file.u16(kScaleAt);
  const double units_per_g = std::ldexp(1, static_cast<int>(8 + (scale >> 13)));
  const double degrees_per_unit = std::ldexp(8000, -static_cast<int>((scale >> 10) & 7)) / 32768;
  sector.has_gyroscope = n_axes >= 6;
  const std::size_t acceleration_at = sector.has_gyroscope ? 6 : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = kSamplesAt + i * sample_bytes;
    if (is_packed) {
      sector.samples.push_back(packed_sample(file.u32(at)));
      continue;
    }
    ImuSample sample{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      sample[axis] = s16(file, at + acceleration_at + 2 * axis) / units_per_g;
      if (sector.has_gyroscope) sample[3 + axis] = s16(file, at + 2 * axis) * degrees_per_unit;
    }
    sector.samples.push_back(sample);
  }
}

/// Throws OutOfBytes for a sector that says what can't be.
Sector read_sector(const ByteReader& file) {
  Sector sector;
  const std::uint8_t rate_code = file.u8(kRateCodeAt);
  double offset = s16(file, kOffsetAt);  // of the sample that has the time
  if (rate_code != 0) {
    sector.rate_hz = 3200.0 / (1U << (15 - (rate_code & 0x0F)));
  } else {  // the oldest files have the rate in its place
    sector.rate_hz = offset;
    offset = 0;
  }
  if (!(sector.rate_hz > 0)) throw OutOfBytes();
  double fraction = 0;
  const unsigned stored = file.u16(kFractionAt);
  if ((stored & 0x8000) != 0) {
    // The offset was moved by it for programs that don't know of the fraction.
    const unsigned parts = (stored & 0x7FFF) << 1;
    fraction = parts / 65536.0;
    offset += static_cast<double>((parts * static_cast<unsigned>(sector.rate_hz)) >> 16);
  }
  sector.start = time_of(file.u32(kTimeAt)) + fraction - offset / sector.rate_hz;
  read_samples(file, sector);
  return sector;
}

}  // namespace

RawImu read_cwa(ByteSource& source, ImuSpan span) {
  const std::string name = source.name();
  std::optional<ImuBlocks> blocks;
  double rate_hz = 0;
  bool has_gyroscope = false;
  bool is_ax6 = false;
  std::uint64_t n_damaged = 0;
  if (source.size() >= kHeaderBytes)
    is_ax6 = ByteReader(source.peek(0, kHeaderBytes)).u8(kHardwareAt) == kAx6;
  for (std::uint64_t at = kHeaderBytes; at + kSectorBytes <= source.size(); at += kSectorBytes) {
    const ByteReader file(source.peek(at, kSectorBytes));
    try {
      if (!is_whole(file)) throw OutOfBytes();
      Sector sector = read_sector(file);
      if (!blocks) {
        blocks.emplace(name, sector.rate_hz, span);
        rate_hz = sector.rate_hz;
        has_gyroscope = sector.has_gyroscope;
      }
      if (sector.rate_hz != rate_hz || sector.has_gyroscope != has_gyroscope) throw OutOfBytes();
      blocks->add(sector.start, std::move(sector.samples));
    } catch (const OutOfBytes&) {
      ++n_damaged;
    }
    if (blocks && !blocks->wants_more()) break;
  }
  if (!blocks)
    throw Error(ErrorKind::kInput,
                name + ": the CWA file has no whole sector of samples; get a complete copy of it");
  if (n_damaged > 0) warn(fmt::format("{}: {} damaged sectors are left out", name, n_damaged));
  RawImu raw = blocks->finish();
  raw.has_gyroscope = has_gyroscope;
  raw.acceleration = stated_unit(AccelerationUnit::kG, "the CWA file");
  raw.rotation = stated_unit(RotationUnit::kDegreesPerSecond, "the CWA file");
  raw.report.format = "Axivity CWA";
  raw.report.device = is_ax6 ? "Axivity AX6" : "Axivity AX3";
  raw.report.add("set rate", fmt::format("{:g} Hz", rate_hz), "the sectors");
  return raw;
}

}  // namespace pandagpt
