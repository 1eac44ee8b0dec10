#include "media/flir_raw.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/pixfmt.h>
}

#include <spdlog/fmt/fmt.h>

#include <optional>

#include "media/byte_order.h"
#include "media/image_chunks.h"
#include "media/pixels.h"
#include "media/still_frame.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kPixelsAt = 32;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

ScalarMap read_plain(const ByteReader& record, const std::string& name, const ImageLimits& limits) {
  const std::uint32_t width = record.u16(2);
  const std::uint32_t height = record.u16(4);
  check_map_size(width, height, name, limits);
  const std::size_t n_pixels = std::size_t{width} * height;
  record.view(kPixelsAt, 2 * n_pixels);
  ScalarMap map{static_cast<int>(width), static_cast<int>(height), true, {}};
  map.values.reserve(n_pixels);
  for (std::size_t i = 0; i < n_pixels; ++i)
    map.values.push_back(record.u16(kPixelsAt + 2 * i));
  map.report.add("coding", "plain 16-bit numbers");
  return map;
}

/// FLIR puts little-endian numbers into PNG, whose own are big-endian; the pixels tell if a camera
/// ever does it right.
ScalarMap read_png(ByteView pixels, const std::string& name, const ImageLimits& limits) {
  constexpr std::size_t kBitsAt = 24, kColourAt = 25;
  const ByteReader file(pixels);
  if (file.u8(kBitsAt) != 16 || file.u8(kColourAt) != 0)
    fail(name,
         "the PNG in FLIR's block isn't a measurement (16-bit grey); give the camera's own "
         "file");
  ScalarMap map = decode_scalar_map(pixels, name, limits);
  swap_bytes(map);
  if (has_swapped_bytes(map))
    swap_bytes(map);
  else
    map.report.add("byte order", "little-endian numbers in PNG, turned", "as FLIR's cameras do");
  map.report.add("coding", "PNG");
  return map;
}

// --- JPEG-LS (ISO/IEC 14495-1) -------------------------------------------------------------------

/// Where the start of a JPEG-LS frame is, if the segments before the pixels have one.
std::optional<std::size_t> find_ls_frame(const ByteReader& file) {
  constexpr std::uint8_t kStartOfLsFrame = 0xF7;
  for (std::size_t at = 2; file.u8(at) == 0xFF && file.u8(at + 1) != jpeg::kSos;
       at += 2 + file.u16(at + 2))
    if (file.u8(at + 1) == kStartOfLsFrame) return at;
  return std::nullopt;
}

/// FFmpeg moves numbers of fewer bits to the top of its 8 or 16.
std::vector<float> read_grey(const AVFrame& frame, int bits, const std::string& name) {
  const bool in_bytes = frame.format == AV_PIX_FMT_GRAY8;
  const int moved = (in_bytes ? 8 : 16) - bits;
  if ((!in_bytes && frame.format != AV_PIX_FMT_GRAY16) || moved < 0)
    fail(name, "the JPEG-LS measurement isn't grey; give a radiometric file of the camera");
  std::vector<float> values;
  if (!in_bytes) values = read_component(frame);
  for (int y = 0; in_bytes && y < frame.height; ++y) {
    const std::uint8_t* row = frame.data[0] + std::ptrdiff_t{y} * frame.linesize[0];
    values.insert(values.end(), row, row + frame.width);
  }
  for (float& value : values)
    value = static_cast<float>(static_cast<int>(value) >> moved);
  return values;
}

ScalarMap read_jpeg(ByteView pixels, const std::string& name, const ImageLimits& limits) {
  constexpr std::size_t kBitsAt = 4, kHeightAt = 5, kWidthAt = 7;
  const ByteReader file(pixels, true);
  const std::optional<std::size_t> frame = find_ls_frame(file);
  if (!frame)
    fail(name,
         "FLIR's measurement is coded as JPEG, which isn't known of any camera; save it as CSV or "
         "TIFF with FLIR's program");
  const std::uint32_t width = file.u16(*frame + kWidthAt);
  const std::uint32_t height = file.u16(*frame + kHeightAt);
  check_map_size(width, height, name, limits);
  Bytes packet(pixels.begin(), pixels.end());
  packet.resize(pixels.size() + AV_INPUT_BUFFER_PADDING_SIZE);
  const StillFrame decoded = decode_still(
      {AV_CODEC_ID_JPEGLS, "JPEG-LS", packet.data(), pixels.size(), width, height}, name);
  if (!decoded.frame || !decoded.complaint.empty())
    fail(name, fmt::format("the JPEG-LS measurement is damaged ({}); get a complete copy of it",
                           decoded.complaint));
  ScalarMap map{decoded.frame->width, decoded.frame->height, true,
                read_grey(*decoded.frame, file.u8(*frame + kBitsAt), name)};
  map.report.add("coding", "JPEG-LS");
  return map;
}

}  // namespace

ScalarMap decode_flir_raw(const ByteReader& record, const std::string& name,
                          const ImageLimits& limits) {
  const ByteView pixels = record.view(kPixelsAt, record.size() - kPixelsAt);
  const ByteReader beginning(pixels);
  if (beginning.matches(0, "\x89PNG")) return read_png(pixels, name, limits);
  if (beginning.matches(0, {"II*\0", 4}) || beginning.matches(0, {"MM\0*", 4}))
    return decode_scalar_map(pixels, name, limits);
  if (beginning.matches(0, "\xFF\xD8\xFF")) return read_jpeg(pixels, name, limits);
  return read_plain(record, name, limits);
}

}  // namespace pandagpt
