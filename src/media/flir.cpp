#include "media/flir.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <string_view>

#include "core/warnings.h"
#include "media/byte_order.h"
#include "media/byte_reader.h"
#include "media/flir_raw.h"
#include "media/planck.h"
#include "media/temperature_unit.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Directory ---------------------------------------------------------------------------------

constexpr std::string_view kMagic{"FFF\0", 4};
constexpr std::string_view kOldMagic{"AFF\0", 4};
constexpr std::size_t kHeaderBytes = 64;

enum class FlirRecord : std::uint16_t { kRawData = 1, kCamera = 0x20 };

bool has_magic(const ByteReader& file, std::size_t at) {
  return file.matches(at, kMagic) || file.matches(at, kOldMagic);
}

/// The header's version tells the byte order: 100 and something.
std::optional<bool> is_big_endian(ByteView block) {
  constexpr std::size_t kVersionAt = 0x14;
  for (const bool big_endian : {true, false}) {
    const std::uint32_t version = ByteReader(block, big_endian).u32(kVersionAt);
    if (version >= 100 && version < 200) return big_endian;
  }
  return std::nullopt;
}

/// The first record of a kind that isn't empty; nothing if there is none. Throws OutOfBytes.
std::optional<ByteView> find_record(ByteView block, FlirRecord kind) {
  constexpr std::size_t kDirectoryAt = 0x18, kCountAt = 0x1C;
  constexpr std::size_t kEntryBytes = 32, kOffsetAt = 0x0C, kLengthAt = 0x10;
  const std::optional<bool> big_endian = is_big_endian(block);
  if (!big_endian) throw OutOfBytes();
  const ByteReader file(block, *big_endian);
  const std::size_t directory = file.u32(kDirectoryAt);
  const std::size_t n_entries = file.u32(kCountAt);
  for (std::size_t i = 0; i < n_entries; ++i) {
    const std::size_t entry = directory + i * kEntryBytes;
    const auto type = static_cast<FlirRecord>(file.u16(entry));
    const std::size_t length = file.u32(entry + kLengthAt);
    if (type == kind && length > 0) return file.view(file.u32(entry + kOffsetAt), length);
  }
  return std::nullopt;
}

/// Each record begins with a small number, by which its own byte order is seen.
ByteReader open_record(ByteView record) {
  const ByteReader little(record);
  return little.u16(0) < 0x100 ? little : ByteReader(record, true);
}

// --- Camera ------------------------------------------------------------------------------------

float read_float(const ByteReader& record, std::size_t at) {
  return std::bit_cast<float>(record.u32(at));
}

std::string read_text(const ByteReader& record, std::size_t at, std::size_t length) {
  std::string text;
  for (const std::uint8_t byte : record.view(at, length)) {
    if (byte < 0x20 || byte > 0x7E) break;
    text += static_cast<char>(byte);
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

struct FlirCamera {
  PlanckCamera planck;
  std::string model;
  std::string lens;
  double coldest = 0, warmest = 0;  ///< of its range, K
};

FlirCamera read_camera(ByteView bytes) {
  const ByteReader record = open_record(bytes);
  const auto number = [&](std::size_t at) { return double(read_float(record, at)); };
  FlirCamera camera;
  camera.planck = {.r1 = number(0x58),
                   .r2 = number(0x30C),
                   .b = number(0x5C),
                   .f = number(0x60),
                   .o = double(static_cast<std::int32_t>(record.u32(0x308))),
                   .emissivity = number(0x20),
                   .distance = number(0x24),
                   .reflected = number(0x28),
                   .atmosphere = number(0x2C),
                   .window = number(0x30),
                   .window_transmission = number(0x34),
                   .humidity = number(0x3C),
                   .alpha1 = number(0x70),
                   .alpha2 = number(0x74),
                   .beta1 = number(0x78),
                   .beta2 = number(0x7C),
                   .x = number(0x80)};
  camera.warmest = number(0x90);
  camera.coldest = number(0x94);
  camera.model = read_text(record, 0xD4, 32);
  camera.lens = read_text(record, 0x170, 32);
  return camera;
}

std::string celsius(double kelvin) {
  return fmt::format("{:.1f} C", kelvin + kAbsoluteZero);
}

void report_camera(const FlirCamera& camera, InputReport& report) {
  const PlanckCamera& planck = camera.planck;
  const std::string why = "the camera's record";
  report.add("emissivity", fmt::format("{:.2f}", planck.emissivity), why);
  report.add("distance", fmt::format("{:.2f} m", planck.distance), why);
  report.add("reflected temperature", celsius(planck.reflected), why);
  report.add(
      "air",
      fmt::format("{}, {:.0f} % humidity", celsius(planck.atmosphere), 100 * planck.humidity), why);
  if (planck.window_transmission < 1)
    report.add(
        "window",
        fmt::format("{}, lets {:.2f} through", celsius(planck.window), planck.window_transmission),
        why);
  if (camera.warmest > camera.coldest && camera.coldest > 0)
    report.add("camera's range", celsius(camera.coldest) + " to " + celsius(camera.warmest), why);
  if (!camera.lens.empty()) report.add("lens", camera.lens, why);
}

/// Degrees by what the record says, or counts.
void apply_camera(ScalarMap& map, const std::optional<ByteView>& record) {
  map.unit = MapUnit::kCounts;
  FlirCamera camera;
  try {
    if (record) camera = read_camera(*record);
  } catch (const OutOfBytes&) {
    camera = {};  // a short record has no constants
  }
  map.report.device = camera.model;
  if (!camera.planck.has_constants()) {
    map.report.add("unit", "counts", "the file has no constants that make temperatures of them");
    return;
  }
  camera.planck.repair(map.report);
  counts_to_celsius(map.values, camera.planck);
  map.integer = false;
  map.unit = MapUnit::kCelsius;
  map.report.add("unit", "degrees Celsius", "the camera's Planck constants");
  report_camera(camera, map.report);
}

// --- Films ---------------------------------------------------------------------------------------

/// Whether another block follows the first one.
bool is_film(ByteView bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (std::size_t at = text.find(kMagic, kHeaderBytes); at != std::string_view::npos;
       at = text.find(kMagic, at + 1)) {
    const ByteView block = bytes.subspan(at);
    if (block.size() >= kHeaderBytes && is_big_endian(block)) return true;
  }
  return false;
}

}  // namespace

bool is_flir_file(ByteView beginning) {
  return has_magic(ByteReader(beginning), 0);
}

bool has_flir_measurement(ByteView block) {
  try {
    return has_magic(ByteReader(block), 0) && find_record(block, FlirRecord::kRawData).has_value();
  } catch (const OutOfBytes&) {
    return false;
  }
}

ScalarMap decode_flir(ByteView block, const std::string& format, const std::string& name,
                      const ImageLimits& limits) {
  try {
    const std::optional<ByteView> raw = find_record(block, FlirRecord::kRawData);
    if (!raw)
      fail(name, "FLIR's block in it has no measurement; give the radiometric file of the camera");
    ScalarMap map = decode_flir_raw(open_record(*raw), name, limits);
    map.report.format = format;
    apply_camera(map, find_record(block, FlirRecord::kCamera));
    if (is_film(block)) {
      map.report.format = "FLIR film (SEQ, CSQ)";
      map.report.add("picture", "the first of several");
      warn(name + ": a film of thermal pictures; the first one is used");
    }
    return map;
  } catch (const OutOfBytes&) {
    fail(name, "FLIR's block of measurements is truncated or damaged; get a complete copy of it");
  }
}

}  // namespace pandagpt
