#include "media/scalar_map.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/what_is_this.h"
#include "media/byte_reader.h"
#include "media/image_info.h"
#include "media/image_packet.h"
#include "media/logs/log_inputs.h"
#include "media/npy.h"
#include "media/pixels.h"
#include "media/still_frame.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- PNG ---------------------------------------------------------------------------------------

constexpr std::size_t kPngBitDepthAt = 24;
constexpr std::size_t kPngColourTypeAt = 25;
constexpr int kPngGrey = 0;
constexpr int kPngGreyWithAlpha = 4;

bool is_png(const ByteReader& file) {
  return file.matches(0, "\x89PNG\r\n\x1A\n") && file.size() > kPngColourTypeAt;
}

bool is_grey(const ByteReader& png) {
  const int colours = png.u8(kPngColourTypeAt);
  return colours == kPngGrey || colours == kPngGreyWithAlpha;
}

bool is_png_map(const ByteReader& file) {
  constexpr int kSixteenBits = 16;
  return is_png(file) && file.u8(kPngBitDepthAt) == kSixteenBits && is_grey(file);
}

ScalarMap decode_png_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  const std::string damaged = "the PNG file is truncated or damaged";
  const ImageInfo info = read_image_info(bytes, name);
  check_map_size(info.width, info.height, name, limits);
  ImagePacket packet;
  try {
    packet = make_image_packet(bytes, info);
  } catch (const OutOfBytes&) {
    fail(name, damaged + "; get a complete copy of it");
  }
  const StillFrame decoded = decode_still(
      {AV_CODEC_ID_PNG, "PNG", packet.bytes.data(), packet.size, info.width, info.height}, name);
  // A measurement is worth nothing when a part of it is made up.
  if (!decoded.frame || !decoded.complaint.empty())
    fail(name, damaged + " (" + decoded.complaint + "); get a complete copy of it");
  ScalarMap map{decoded.frame->width, decoded.frame->height, true, read_component(*decoded.frame)};
  map.report.format = "16-bit grey PNG";
  // Alpha, or the number that a tRNS chunk calls transparent (GDAL's nodata in PNG).
  const auto format = static_cast<AVPixelFormat>(decoded.frame->format);
  if (av_pix_fmt_desc_get(format)->nb_components > 1)
    apply_mask(map, read_component(*decoded.frame, 1));
  turn_upright(map, info.orientation, "eXIf");
  return map;
}

// --- NPY ---------------------------------------------------------------------------------------

/// (height, width) without the dimensions of one that programs leave: (1, H, W), (H, W, 1), (1, 1,
/// H, W).
std::vector<std::int64_t> map_shape(std::vector<std::int64_t> shape, const std::string& name) {
  constexpr std::int64_t kMostChannels = 4;
  const std::string text = npy_shape_text(shape);
  for (auto one = shape.begin(); shape.size() > 2 && one != shape.end();)
    one = *one == 1 ? shape.erase(one) : one + 1;
  if (shape.size() == 3 && shape.back() > kMostChannels)
    fail(name, "the array of " + text + " is a stack of " + std::to_string(shape.front()) +
                   " maps; save one of them, (height, width)");
  if (shape.size() != 2)
    fail(name, "the array has the shape " + text +
                   ", one of (height, width) was expected; save one channel");
  return shape;
}

ScalarMap decode_npy_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  const NpyArray array = decode_npy(bytes, name);
  const std::vector<std::int64_t> shape = map_shape(array.shape, name);
  // One file for another: a recording of accelerometer and gyroscope.
  constexpr std::int64_t kMotionChannels = 6;
  constexpr std::int64_t kFewestSamples = 50;
  const auto [shortest, longest] = std::ranges::minmax(shape);
  if (shortest == kMotionChannels && longest >= kFewestSamples)
    fail(name, "an array of " + npy_shape_text(array.shape) +
                   " is a recording of motion, not a map; give it as motion");
  check_map_size(static_cast<std::uint64_t>(shape[1]), static_cast<std::uint64_t>(shape[0]), name,
                 limits);
  ScalarMap map{static_cast<int>(shape[1]),
                static_cast<int>(shape[0]),
                array.integer,
                {array.values.begin(), array.values.end()}};
  map.report.format = "NumPy array";
  return map;
}

std::string describe_png(const ByteReader& file) {
  if (!is_grey(file))
    return "the PNG file holds colours, one channel of measurements was expected; save it as "
           "16-bit "
           "grey";
  return "a PNG file of " + std::to_string(file.u8(kPngBitDepthAt)) +
         " bits holds no measurements; save it as 16-bit grey";
}

}  // namespace

void report_holes(ScalarMap& map, std::size_t count, const std::string& why) {
  if (count == 0) return;
  map.report.add("holes",
                 fmt::format("{} pixels ({:.1f} %) without a value", count,
                             100.0 * double(count) / double(map.values.size())),
                 why);
}

void apply_mask(ScalarMap& map, const std::vector<float>& mask) {
  const auto is_hidden = [](float value) { return value == 0; };
  if (std::ranges::all_of(mask, is_hidden)) return;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (is_hidden(mask[i])) map.values[i] = std::numeric_limits<float>::quiet_NaN();
  report_holes(map, static_cast<std::size_t>(std::ranges::count_if(mask, is_hidden)), "alpha 0");
}

void turn_upright(ScalarMap& map, int orientation, const std::string& why) {
  // What has to be done to the stored pixels, by their number.
  constexpr const char* kTurns[] = {"mirrored",
                                    "turned by 180 degrees",
                                    "mirrored, upside down",
                                    "mirrored along the diagonal",
                                    "turned right by 90 degrees",
                                    "mirrored along the other diagonal",
                                    "turned left by 90 degrees"};
  if (orientation < 2 || orientation > 8) return;
  std::vector<float> turned(map.values.size());
  turn_upright(map.values.data(), turned.data(), map.width, map.height, sizeof(float), orientation);
  map.values = std::move(turned);
  map.report.add("orientation", kTurns[orientation - 2], why);
}

void check_map_size(std::uint64_t width, std::uint64_t height, const std::string& name,
                    const ImageLimits& limits) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height);
  if (width == 0 || height == 0)
    fail(name, "the map has no pixels (" + size + "); get a complete copy of it");
  if (width > limits.max_pixels / height)
    fail(name, "the map of " + size + " pixels is larger than the limit of " +
                   std::to_string(limits.max_pixels / 1'000'000) +
                   " million pixels; make it smaller first");
}

bool is_scalar_map(ByteView bytes) {
  return is_npy(bytes) || is_npz(bytes) || is_exr(bytes) || is_netpbm_map(bytes) ||
         is_png_map(ByteReader(bytes)) || is_tiff_map(bytes);
}

ScalarMap decode_scalar_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(bytes, name)) return read_log_map(*log, limits);
  if (bytes.empty()) fail(name, "the file is empty; give a map of measurements");
  if (bytes.size() > limits.max_file_bytes)
    fail(name, "larger than the limit of " + std::to_string(limits.max_file_bytes >> 20) + " MiB");
  const ByteReader file(bytes);
  if (is_npy(bytes)) return decode_npy_map(bytes, name, limits);
  if (is_npz(bytes)) return decode_npz_map(bytes, name, limits);
  if (is_exr(bytes)) return decode_exr_map(bytes, name, limits);
  if (is_netpbm_map(bytes)) return decode_netpbm_map(bytes, name, limits);
  if (is_png_map(file)) return decode_png_map(bytes, name, limits);
  if (is_png(file)) fail(name, describe_png(file));
  if (file.matches(0, "II") || file.matches(0, "MM")) return decode_tiff_map(bytes, name, limits);
  fail(name,
       "no file of measurements" +
           but_it_is(what_is_this(bytes),
                     "; 16-bit grey PNG and PGM, TIFF of 16 or 32 bits, EXR, PFM, NPY and NPZ "
                     "are supported"));
}

ScalarMap load_scalar_map(const std::filesystem::path& path, const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(path.string())) return read_log_map(*log, limits);
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_scalar_map(read_file(path, limits.max_file_bytes), name, limits);
}

}  // namespace pandagpt
