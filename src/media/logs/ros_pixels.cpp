// The pixels of sensor_msgs/Image; the names are those of its image_encodings.h.
extern "C" {
#include <libavutil/frame.h>
}

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <optional>

#include "media/ffmpeg.h"
#include "media/logs/ros_messages.h"
#include "media/video_frame.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Colours and grey levels ---------------------------------------------------------------------

/// Samples side by side.
struct Layout {
  const char* encoding;
  std::uint32_t n_channels;
  std::uint32_t sample_bytes;
  std::array<std::uint32_t, 3> rgb;  ///< which of the channels
};
// "8UC3" and such say nothing about the order; OpenCV, whose names they are, has blue first.
constexpr std::array kLayouts = std::to_array<Layout>({
    {"rgb8", 3, 1, {0, 1, 2}},
    {"bgr8", 3, 1, {2, 1, 0}},
    {"rgba8", 4, 1, {0, 1, 2}},
    {"bgra8", 4, 1, {2, 1, 0}},
    {"8UC3", 3, 1, {2, 1, 0}},
    {"8UC4", 4, 1, {2, 1, 0}},
    {"mono8", 1, 1, {0, 0, 0}},
    {"8UC1", 1, 1, {0, 0, 0}},
    {"rgb16", 3, 2, {0, 1, 2}},
    {"bgr16", 3, 2, {2, 1, 0}},
    {"rgba16", 4, 2, {0, 1, 2}},
    {"bgra16", 4, 2, {2, 1, 0}},
    {"mono16", 1, 2, {0, 0, 0}},
});

/// What libswscale turns into colours.
struct Pattern {
  const char* encoding;
  AVPixelFormat format;
  std::uint32_t pixel_bytes;
};
constexpr std::array kPatterns = std::to_array<Pattern>({
    {"bayer_rggb8", AV_PIX_FMT_BAYER_RGGB8, 1},
    {"bayer_bggr8", AV_PIX_FMT_BAYER_BGGR8, 1},
    {"bayer_gbrg8", AV_PIX_FMT_BAYER_GBRG8, 1},
    {"bayer_grbg8", AV_PIX_FMT_BAYER_GRBG8, 1},
    {"yuv422", AV_PIX_FMT_UYVY422, 2},
    {"uyvy", AV_PIX_FMT_UYVY422, 2},
    {"yuv422_yuy2", AV_PIX_FMT_YUYV422, 2},
    {"yuyv", AV_PIX_FMT_YUYV422, 2},
});

template <typename Table>
auto find(const Table& table, const std::string& encoding) {
  const auto found =
      std::ranges::find_if(table, [&](const auto& one) { return encoding == one.encoding; });
  return found == table.end() ? nullptr : &*found;
}

/// The rows lie `step` bytes apart, the last one may end early.
void check_size(const RosImage& message, std::uint32_t pixel_bytes, const std::string& name,
                const ImageLimits& limits) {
  check_map_size(message.width, message.height, name, limits);
  const std::uint64_t row_bytes = std::uint64_t{message.width} * pixel_bytes;
  const std::uint64_t all_bytes = std::uint64_t{message.step} * (message.height - 1) + row_bytes;
  if (message.step < row_bytes || message.data.size() < all_bytes)
    fail(name, "the picture of " + std::to_string(message.width) + " x " +
                   std::to_string(message.height) + " pixels has " +
                   std::to_string(message.data.size()) + " bytes in rows of " +
                   std::to_string(message.step) + ", too few for \"" + message.encoding + "\"");
}

Image read_layout(const RosImage& message, const Layout& layout) {
  const std::uint32_t pixel_bytes = layout.n_channels * layout.sample_bytes;
  const std::uint32_t high_byte = layout.sample_bytes == 2 && !message.big_endian ? 1 : 0;
  Image image{static_cast<int>(message.width), static_cast<int>(message.height), Bytes()};
  image.rgb.resize(std::size_t{3} * message.width * message.height);
  std::uint8_t* out = image.rgb.data();
  for (std::uint32_t y = 0; y < message.height; ++y) {
    const std::uint8_t* in = message.data.data() + std::size_t{y} * message.step;
    for (std::uint32_t x = 0; x < message.width; ++x, in += pixel_bytes)
      for (const std::uint32_t channel : layout.rgb)
        *out++ = in[channel * layout.sample_bytes + high_byte];
  }
  return image;
}

Image read_pattern(const RosImage& message, const Pattern& pattern, const std::string& name) {
  if (message.width % 2 != 0 || message.height % 2 != 0)
    fail(name, "a picture of \"" + message.encoding + "\" has an even width and height, not " +
                   std::to_string(message.width) + " x " + std::to_string(message.height));
  AvFramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  frame->format = pattern.format;
  frame->width = static_cast<int>(message.width);
  frame->height = static_cast<int>(message.height);
  if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
  for (std::uint32_t y = 0; y < message.height; ++y)
    std::memcpy(frame->data[0] + std::ptrdiff_t{y} * frame->linesize[0],
                message.data.data() + std::size_t{y} * message.step,
                std::size_t{message.width} * pattern.pixel_bytes);
  return VideoFrameConverter(frame->width, frame->height, /*orientation=*/1, name).convert(*frame);
}

// --- Measurements --------------------------------------------------------------------------------

enum class Number { kU16, kS16, kF32, kF64 };
struct MapLayout {
  const char* encoding;
  Number number;
  std::uint32_t bytes;
};
constexpr std::array kMapLayouts = std::to_array<MapLayout>({
    {"16UC1", Number::kU16, 2},
    {"mono16", Number::kU16, 2},
    {"16SC1", Number::kS16, 2},
    {"32FC1", Number::kF32, 4},
    {"64FC1", Number::kF64, 8},
});

std::uint64_t number_at(const std::uint8_t* in, std::uint32_t n_bytes, bool big_endian) {
  std::uint64_t value = 0;
  for (std::uint32_t i = 0; i < n_bytes; ++i)
    value |= std::uint64_t{in[big_endian ? n_bytes - 1 - i : i]} << (8 * i);
  return value;
}

float value_of(std::uint64_t bits, Number number) {
  switch (number) {
    case Number::kU16:
      return static_cast<float>(bits);
    case Number::kS16:
      return static_cast<float>(static_cast<std::int16_t>(bits));
    case Number::kF32:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case Number::kF64:
      return static_cast<float>(std::bit_cast<double>(bits));
  }
  return 0;
}

}  // namespace

bool is_ros_map(const std::string& encoding) {
  return find(kMapLayouts, encoding) != nullptr;
}

bool is_ros_picture(const std::string& encoding) {
  return find(kLayouts, encoding) != nullptr || find(kPatterns, encoding) != nullptr;
}

Image decode_ros_picture(const RosImage& message, const std::string& name,
                         const ImageLimits& limits) {
  if (const Layout* layout = find(kLayouts, message.encoding)) {
    check_size(message, layout->n_channels * layout->sample_bytes, name, limits);
    return read_layout(message, *layout);
  }
  if (const Pattern* pattern = find(kPatterns, message.encoding)) {
    check_size(message, pattern->pixel_bytes, name, limits);
    return read_pattern(message, *pattern, name);
  }
  if (is_ros_map(message.encoding))
    fail(name, "\"" + message.encoding +
                   "\" are measurements, not colours; give it as depth or as a thermal picture");
  fail(name, "pixels of the encoding \"" + message.encoding +
                 "\" aren't read; publish the topic as rgb8, bgr8 or mono8");
}

ScalarMap decode_ros_map(const RosImage& message, const std::string& name,
                         const ImageLimits& limits) {
  const MapLayout* layout = find(kMapLayouts, message.encoding);
  if (layout == nullptr)
    fail(name, "\"" + message.encoding +
                   "\" are no measurements; give a topic of 16UC1, mono16 or 32FC1");
  check_size(message, layout->bytes, name, limits);
  ScalarMap map;
  map.width = static_cast<int>(message.width);
  map.height = static_cast<int>(message.height);
  map.integer = layout->number == Number::kU16 || layout->number == Number::kS16;
  map.values.reserve(std::size_t{message.width} * message.height);
  for (std::uint32_t y = 0; y < message.height; ++y) {
    const std::uint8_t* in = message.data.data() + std::size_t{y} * message.step;
    for (std::uint32_t x = 0; x < message.width; ++x, in += layout->bytes)
      map.values.push_back(
          value_of(number_at(in, layout->bytes, message.big_endian), layout->number));
  }
  return map;
}

}  // namespace pandagpt
