#include "media/radiometric_jpeg.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "core/ascii.h"
#include "media/exif_camera.h"
#include "media/flir.h"
#include "media/image_chunks.h"
#include "media/temperature_unit.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Application segments ------------------------------------------------------------------------

constexpr std::uint8_t kApp2 = 0xE2;
constexpr std::uint8_t kApp3 = 0xE3;
constexpr std::uint8_t kApp4 = 0xE4;
constexpr std::uint8_t kApp9 = 0xE9;

/// What stands before a JPEG file's pixels.
struct JpegHeader {
  std::vector<JpegSegment> applications;
  ExifCamera camera;
  int width = 0;   ///< of the picture as it is stored, pixels
  int height = 0;  ///< likewise

  /// The payloads of one kind of segment, joined.
  Bytes joined(std::uint8_t marker) const {
    Bytes all;
    for (const JpegSegment& one : applications)
      if (one.marker == marker) all.insert(all.end(), one.payload.begin(), one.payload.end());
    return all;
  }
  std::size_t size_of(std::uint8_t marker) const {
    std::size_t size = 0;
    for (const JpegSegment& one : applications)
      if (one.marker == marker) size += one.payload.size();
    return size;
  }
};

/// Up to where the file ends or is damaged: whether its picture can be read is another question.
JpegHeader read_header(ByteView bytes) {
  JpegHeader header;
  const auto read = [&](const JpegSegment& segment) {
    const ByteReader payload(segment.payload, true);
    if (segment.marker >= jpeg::kApp0 && segment.marker <= jpeg::kApp15)
      header.applications.push_back(segment);
    if (segment.marker == jpeg::kApp1 && payload.matches(0, {"Exif\0\0", 6}))
      header.camera = read_exif_camera(segment.payload);
    if (jpeg::is_sof(segment.marker)) {
      header.height = payload.u16(1);
      header.width = payload.u16(3);
    }
    return segment.marker != jpeg::kSos;
  };
  try {
    for_each_jpeg_segment(ByteReader(bytes, true), read);
  } catch (const OutOfBytes&) {
  }
  return header;
}

/// Where the camera stores picture and measurement alike, the picture's orientation is that of
/// both.
void turn_with_picture(ScalarMap& map, const JpegHeader& header) {
  if (std::int64_t{map.width} * header.height == std::int64_t{map.height} * header.width)
    turn_upright(map, header.camera.orientation, "EXIF");
}

// --- FLIR --------------------------------------------------------------------------------------

constexpr std::string_view kFlirMark{"FLIR\0", 5};

/// The block out of its pieces: "FLIR", 0, 1, number of the piece, number of the last one. Empty if
/// there is none; an error if a piece is missing.
Bytes join_flir_block(const JpegHeader& header, const std::string& name) {
  constexpr std::size_t kNumberAt = 6, kLastAt = 7, kPieceAt = 8;
  Bytes block;
  int next = 0;
  int last = 0;
  for (const JpegSegment& segment : header.applications) {
    const ByteReader piece(segment.payload);
    if (segment.marker != jpeg::kApp1 || !piece.matches(0, kFlirMark) || piece.size() < kPieceAt)
      continue;
    if (next > last) break;  // whole; a second block would be another picture's
    if (piece.u8(kNumberAt) != next)
      fail(name, "a piece of FLIR's measurement is missing; get a complete copy of the file");
    last = piece.u8(kLastAt);
    block.insert(block.end(), segment.payload.begin() + kPieceAt, segment.payload.end());
    ++next;
  }
  if (!block.empty() && next <= last)
    fail(name, fmt::format("the file has {} of the {} pieces of FLIR's measurement; get a complete "
                           "copy of it",
                           next, last + 1));
  return block;
}

std::optional<ScalarMap> decode_flir_jpeg(const JpegHeader& header, const std::string& name,
                                          const ImageLimits& limits) {
  const Bytes block = join_flir_block(header, name);
  if (block.empty() || !has_flir_measurement(block)) return std::nullopt;
  ScalarMap map = decode_flir(block, "FLIR radiometric JPEG", name, limits);
  constexpr std::size_t kShortestName = 2;  // "*" stands in some files
  if (map.report.device.size() < kShortestName || !header.camera.maker.starts_with("FLIR"))
    map.report.device =
        header.camera.model.size() < kShortestName ? header.camera.maker : header.camera.name();
  turn_with_picture(map, header);
  return map;
}

// --- Raw counts ----------------------------------------------------------------------------------

ScalarMap read_counts(ByteView bytes, int width, int height) {
  ScalarMap map{width, height, true, {}};
  const ByteReader file(bytes);
  const std::size_t n_pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  file.view(0, 2 * n_pixels);
  map.values.reserve(n_pixels);
  for (std::size_t i = 0; i < n_pixels; ++i)
    map.values.push_back(file.u16(2 * i));
  map.unit = MapUnit::kCounts;
  return map;
}

struct Size {
  int width, height;
};

constexpr std::array kSensors = std::to_array<Size>({{640, 512},
                                                     {1280, 1024},
                                                     {336, 256},
                                                     {320, 256},
                                                     {640, 480},
                                                     {1024, 768},
                                                     {384, 288},
                                                     {320, 240},
                                                     {256, 192},
                                                     {160, 120}});

bool is_size_of_sensor(Size size) {
  return std::ranges::any_of(kSensors, [&](const Size& one) {
    return (one.width == size.width && one.height == size.height) ||
           (one.width == size.height && one.height == size.width);
  });
}

/// A sensor's size by the bytes of its counts: the picture's own, or one that cameras have.
std::optional<Size> size_of_counts(std::size_t n_bytes, const JpegHeader& header) {
  const auto fits = [&](Size size) {
    return 2 * static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) ==
           n_bytes;
  };
  const Size picture{header.width, header.height};
  if (n_bytes > 0 && fits(picture)) return picture;
  const bool upright = header.height > header.width;
  for (const Size& size : kSensors)
    if (fits(size)) return upright ? Size{size.height, size.width} : size;
  return std::nullopt;
}

// --- DJI ---------------------------------------------------------------------------------------

bool is_of_dji(const JpegHeader& header) {
  return ascii_lower(header.camera.maker).starts_with("dji");
}

/// R-JPEG: counts in APP3, or in APP4 beside a table in APP3 (XT S). The constants that would make
/// degrees of them are known to DJI's library alone.
std::optional<ScalarMap> decode_dji_jpeg(const JpegHeader& header, const std::string& name,
                                         const ImageLimits& limits) {
  constexpr std::size_t kLeastCounts = 2 * 160 * 120;  // bytes; tables are smaller
  if (!is_of_dji(header)) return std::nullopt;
  std::uint8_t marker = kApp3;
  if (!size_of_counts(header.size_of(kApp3), header)) marker = kApp4;
  const std::size_t n_bytes = header.size_of(marker);
  const std::optional<Size> size = size_of_counts(n_bytes, header);
  if (!size) {
    const std::size_t most = std::max(header.size_of(kApp3), header.size_of(kApp4));
    if (most < kLeastCounts || !is_size_of_sensor({header.width, header.height}))
      return std::nullopt;  // a photo in visible light
    fail(name, fmt::format("DJI's measurement of {} bytes has no size of a sensor; get a complete "
                           "copy of the file, or save it as TIFF with DJI's program",
                           most));
  }
  check_map_size(static_cast<std::uint64_t>(size->width), static_cast<std::uint64_t>(size->height),
                 name, limits);
  ScalarMap map = read_counts(header.joined(marker), size->width, size->height);
  map.report.format = "DJI radiometric JPEG";
  map.report.device = header.camera.name();
  map.report.add("unit", "counts", "degrees need DJI's own library");
  map.report.add("place", marker == kApp3 ? "APP3" : "APP4");
  turn_with_picture(map, header);
  return map;
}

// --- InfiRay -----------------------------------------------------------------------------------

/// One of the pictures that IJPEG's header, in APP2, lists; their pixels stand in APP3, one behind
/// the other.
struct InfirayPart {
  std::uint64_t bytes = 0;
  int width = 0, height = 0;  ///< 0: not of 16-bit numbers
};

/// Some headers count pixels of 16 bits, others bytes: twice the rows, of 8 bits.
InfirayPart read_part(const ByteReader& file, std::size_t at) {
  InfirayPart part{file.u32(at) | std::uint64_t{file.u32(at + 4)} << 32};
  const std::uint64_t width = file.u16(at + 10);
  const std::uint64_t height = file.u16(at + 12);
  const int bits = file.u8(at + 14);
  if (width == 0 || height < 2) return part;
  if (bits == 16 && part.bytes == 2 * width * height)
    part.height = static_cast<int>(height);
  else if (bits == 8 && height % 2 == 0 && part.bytes == width * height)
    part.height = static_cast<int>(height / 2);
  if (part.height > 0) part.width = static_cast<int>(width);
  return part;
}

const JpegSegment* find_infiray(const JpegHeader& header) {
  for (const JpegSegment& segment : header.applications)
    if (segment.marker == kApp2 && ByteReader(segment.payload).matches(4, {"IJPEG\0", 6}))
      return &segment;
  return nullptr;
}

/// "InfiRay" and the maker that the file names ("infisense", "Thermal Master").
std::string infiray_sensor(const JpegHeader& header) {
  constexpr std::size_t kNameAt = 0, kNameBytes = 12;
  for (const JpegSegment& segment : header.applications) {
    if (segment.marker != kApp9 || segment.payload.size() < kNameAt + kNameBytes) continue;
    std::string text;
    for (const std::uint8_t byte : segment.payload.subspan(kNameAt, kNameBytes)) {
      if (byte < 0x20 || byte > 0x7E) break;
      text += static_cast<char>(byte);
    }
    return text.empty() ? "InfiRay" : "InfiRay (" + text + ")";
  }
  return "InfiRay";
}

/// Temperatures are in 64ths of a kelvin (P2, P2 Pro). Numbers that would be none are counts.
void apply_infiray_unit(ScalarMap& map) {
  constexpr float kStepsOfKelvin = 64;
  constexpr float kColdest = 200, kHottest = 1000;  // K
  const auto [low, high] = std::ranges::minmax(map.values);
  if (low < kColdest * kStepsOfKelvin || high > kHottest * kStepsOfKelvin) {
    map.report.add("unit", "counts", "the numbers are no temperatures in 1/64 kelvin");
    return;
  }
  for (float& value : map.values)
    value /= kStepsOfKelvin;
  turn_into_celsius(map.values, TemperatureUnit::kKelvin);
  map.integer = false;
  map.unit = MapUnit::kCelsius;
  map.report.add("unit", "degrees Celsius", "1/64 kelvin in the file");
}

std::optional<ScalarMap> decode_infiray_jpeg(const JpegHeader& header, const std::string& name,
                                             const ImageLimits& limits) {
  constexpr std::size_t kPictureAt = 0x20, kTemperaturesAt = 0x30;
  const JpegSegment* mark = find_infiray(header);
  if (mark == nullptr) return std::nullopt;
  try {
    const ByteReader file(mark->payload);
    const InfirayPart picture = read_part(file, kPictureAt);
    const InfirayPart temperatures = read_part(file, kTemperaturesAt);
    if (temperatures.width == 0)
      fail(name,
           "InfiRay's measurement in it is not of 16-bit numbers; save it as CSV with "
           "InfiRay's program");
    check_map_size(static_cast<std::uint64_t>(temperatures.width),
                   static_cast<std::uint64_t>(temperatures.height), name, limits);
    const Bytes data = header.joined(kApp3);
    if (picture.bytes > data.size()) throw OutOfBytes();
    ScalarMap map =
        read_counts(ByteView(data).subspan(picture.bytes), temperatures.width, temperatures.height);
    map.report.format = "InfiRay radiometric JPEG";
    const std::string camera = header.camera.name();
    map.report.device = camera.empty() ? infiray_sensor(header) : camera;
    apply_infiray_unit(map);
    turn_with_picture(map, header);
    return map;
  } catch (const OutOfBytes&) {
    fail(name, "InfiRay's measurement is truncated or damaged; get a complete copy of the file");
  }
}

}  // namespace

std::optional<ScalarMap> decode_radiometric_jpeg(ByteView bytes, const std::string& name,
                                                 const ImageLimits& limits) {
  if (!ByteReader(bytes).matches(0, "\xFF\xD8\xFF")) return std::nullopt;
  const JpegHeader header = read_header(bytes);
  if (auto map = decode_flir_jpeg(header, name, limits)) return map;
  if (auto map = decode_infiray_jpeg(header, name, limits)) return map;
  return decode_dji_jpeg(header, name, limits);
}

std::string measurement_in_jpeg(ByteView bytes) {
  if (!ByteReader(bytes).matches(0, "\xFF\xD8\xFF")) return "";
  const JpegHeader header = read_header(bytes);
  try {
    if (has_flir_measurement(join_flir_block(header, ""))) return "FLIR";
  } catch (const Error&) {
    return "FLIR";  // a part of it
  }
  if (find_infiray(header) != nullptr) return "InfiRay";
  const bool has_counts = size_of_counts(header.size_of(kApp3), header) ||
                          size_of_counts(header.size_of(kApp4), header);
  return is_of_dji(header) && has_counts ? "DJI" : "";
}

}  // namespace pandagpt
