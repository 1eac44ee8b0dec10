#include "media/image.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/time_limit.h"
#include "core/warnings.h"
#include "media/byte_reader.h"
#include "media/heif.h"
#include "media/image_info.h"
#include "media/image_packet.h"
#include "media/jpeg.h"
#include "media/logs/log_inputs.h"
#include "media/pixels.h"
#include "media/still_frame.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

[[noreturn]] void fail_damaged(const std::string& name, const ImageInfo& info,
                               const std::string& detail = "") {
  fail(name, std::string("the ") + format_name(info.format) + " file is truncated or damaged" +
                 (detail.empty() ? "" : " (" + detail + ")") + "; get a complete copy of it");
}

void check_size(const ImageInfo& info, const std::string& name, const ImageLimits& limits) {
  const std::string size = std::to_string(info.width) + " x " + std::to_string(info.height);
  if (info.width == 0 || info.height == 0)
    fail(name, "the picture has no pixels (" + size + "); get a complete copy of it");
  const std::string limit = "the limit of " + std::to_string(limits.max_pixels / 1'000'000) +
                            " million pixels; make it smaller first";
  if (std::uint64_t{info.width} * info.height > limits.max_pixels)
    fail(name, "the picture of " + size + " pixels is larger than " + limit);
  if (info.coded_pixels > limits.max_pixels)
    fail(name, "behind the picture of " + size + " pixels the file holds one that is larger than " +
                   limit);
}

AVCodecID codec_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return AV_CODEC_ID_MJPEG;
    case ImageFormat::kPng:
      return AV_CODEC_ID_PNG;
    case ImageFormat::kWebp:
      return AV_CODEC_ID_WEBP;
    case ImageFormat::kBmp:
      return AV_CODEC_ID_BMP;
    case ImageFormat::kGif:
      return AV_CODEC_ID_GIF;
    case ImageFormat::kTiff:
      return AV_CODEC_ID_TIFF;
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      break;
  }
  return AV_CODEC_ID_NONE;
}

// A decoder that goes on after an error leaves a picture with a damaged part: Pillow accepts it
// silently, we say so.
void judge_complaint(const std::string& complaint, const ImagePacket& packet, const ImageInfo& info,
                     const std::string& name) {
  if (complaint.empty()) return;
  if (packet.end_missing) fail_damaged(name, info, complaint);
  warn(name + ": the file is damaged (" + complaint + "); its readable part is used");
}

// Feeds the packet and returns the one frame it holds.
Image decode_with_ffmpeg(ImagePacket& data, const ImageInfo& info, const std::string& name) {
  const StillPacket packet{codec_of(info.format),
                           format_name(info.format),
                           data.bytes.data(),
                           data.size,
                           info.width,
                           info.height};
  const StillFrame decoded = decode_still(packet, name);
  if (!decoded.frame) fail_damaged(name, info, decoded.complaint);
  judge_complaint(decoded.complaint, data, info, name);
  return frame_to_rgb(*decoded.frame, data.yuv_rule, name);
}

Image decode_packet(ImagePacket& packet, const ImageInfo& info, const std::string& name) {
  if (info.format != ImageFormat::kJpeg) return decode_with_ffmpeg(packet, info, name);
  if (!has_libjpeg()) {
    // FFmpeg doesn't notice a scan that is short by a few bytes.
    if (packet.end_missing) fail_damaged(name, info);
    // Any other value makes it multiply by black itself, with a coarser rounding.
    constexpr std::uint8_t kPlanesAsTheyAre = 1;
    if (packet.yuv_rule != YuvRule::kJpeg) packet.bytes[packet.transform_at] = kPlanesAsTheyAre;
    return decode_with_ffmpeg(packet, info, name);
  }
  std::string complaint;
  std::optional<Image> image = decode_with_libjpeg(packet, complaint);
  if (!image) fail_damaged(name, info, complaint);
  judge_complaint(complaint, packet, info, name);
  return std::move(*image);
}

bool is_heif(ImageFormat format) {
  return format == ImageFormat::kHeic || format == ImageFormat::kAvif;
}

Image decode_heif(ByteView bytes, const ImageInfo& info, const std::string& name) {
  TimeLimit::check(name);
  std::string complaint;
  std::optional<Image> image = decode_with_libheif(bytes, info, complaint);
  if (!image) fail_damaged(name, info, complaint);
  if (!complaint.empty())
    warn(name + ": the file is damaged (" + complaint + "); its readable part is used");
  return std::move(*image);
}

// Puts the first frame of an animation where it belongs; parts outside the canvas are cut.
Image place_on_canvas(Image frame, const ImagePacket& packet, const ImageInfo& info) {
  const auto width = static_cast<int>(info.width);
  const auto height = static_cast<int>(info.height);
  if (frame.width == width && frame.height == height) return frame;
  const std::size_t pixels = std::size_t{info.width} * info.height;
  Image canvas{width, height, Bytes(3 * pixels)};
  for (std::size_t i = 0; i < pixels; ++i)
    std::memcpy(&canvas.rgb[3 * i], packet.background.data(), packet.background.size());
  if (packet.frame_x >= info.width || packet.frame_y >= info.height) return canvas;
  const auto left = static_cast<int>(packet.frame_x);
  const auto top = static_cast<int>(packet.frame_y);
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(std::min(frame.width, width - left));
  for (int y = 0; y < std::min(frame.height, height - top); ++y) {
    const std::size_t to = 3 * (static_cast<std::size_t>(top + y) * info.width + packet.frame_x);
    const std::size_t from =
        3 * static_cast<std::size_t>(y) * static_cast<std::size_t>(frame.width);
    std::memcpy(&canvas.rgb[to], &frame.rgb[from], row_bytes);
  }
  return canvas;
}

}  // namespace

Image decode_image(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(bytes, name)) return read_log_image(*log, limits);
  if (bytes.size() > limits.max_file_bytes)
    fail(name, "larger than the limit of " + std::to_string(limits.max_file_bytes >> 20) + " MiB");
  const ImageInfo info = read_image_info(bytes, name);
  check_size(info, name, limits);
  if (is_heif(info.format)) return decode_heif(bytes, info, name);
  ImagePacket packet;
  try {
    packet = make_image_packet(bytes, info);
  } catch (const OutOfBytes&) {
    fail_damaged(name, info);
  }
  Image image = decode_packet(packet, info, name);
  image = place_on_canvas(std::move(image), packet, info);
  return upright(std::move(image), info.orientation);
}

Image load_image(const std::filesystem::path& path, const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(path.string())) return read_log_image(*log, limits);
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_image(read_file(path, limits.max_file_bytes), name, limits);
}

}  // namespace pandagpt
