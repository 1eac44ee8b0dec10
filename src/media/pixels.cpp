#include "media/pixels.h"

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "media/yuv.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr int kMaxSample = 255;  // of 8 bits

std::size_t pixel_count(const AVFrame& frame) {
  return static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height);
}

// Which component of the format holds red, green and blue: grey formats repeat their first one.
std::array<int, 3> rgb_components(const AVPixFmtDescriptor& format) {
  const bool grey = format.nb_components < 3;
  return grey ? std::array{0, 0, 0} : std::array{0, 1, 2};
}

// Samples of 8 or 16 bits at a fixed distance from each other; 16-bit ones give their high byte.
void copy_samples(const AVFrame& frame, const AVPixFmtDescriptor& format, std::uint8_t* rgb) {
  const std::array<int, 3> components = rgb_components(format);
  for (int y = 0; y < frame.height; ++y) {
    for (int channel = 0; channel < 3; ++channel) {
      const AVComponentDescriptor& component = format.comp[components[channel]];
      const bool big_endian = (format.flags & AV_PIX_FMT_FLAG_BE) != 0;
      const int high_byte = component.depth == 16 && !big_endian ? 1 : 0;
      const std::uint8_t* in = frame.data[component.plane] +
                               std::ptrdiff_t{y} * frame.linesize[component.plane] +
                               component.offset + high_byte;
      for (int x = 0; x < frame.width; ++x)
        rgb[3 * x + channel] = in[x * component.step];
    }
    rgb += std::ptrdiff_t{3} * frame.width;
  }
}

void copy_palette(const AVFrame& frame, std::uint8_t* rgb) {
  std::array<std::uint32_t, AVPALETTE_COUNT> palette{};  // 0xAARRGGBB
  std::memcpy(palette.data(), frame.data[1], sizeof(palette));
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* in = frame.data[0] + std::ptrdiff_t{y} * frame.linesize[0];
    for (int x = 0; x < frame.width; ++x, rgb += 3) {
      const std::uint32_t colour = palette[in[x]];
      rgb[0] = static_cast<std::uint8_t>(colour >> 16);
      rgb[1] = static_cast<std::uint8_t>(colour >> 8);
      rgb[2] = static_cast<std::uint8_t>(colour);
    }
  }
}

// Samples of any other size (one bit, 5-6-5, ..), through FFmpeg's own bit reader.
void copy_bits(const AVFrame& frame, const AVPixFmtDescriptor& format, std::uint8_t* rgb) {
  const std::array<int, 3> components = rgb_components(format);
  const std::uint8_t* planes[] = {frame.data[0], frame.data[1], frame.data[2], frame.data[3]};
  const int inverted = frame.format == AV_PIX_FMT_MONOWHITE ? kMaxSample : 0;
  std::vector<std::uint16_t> line(static_cast<std::size_t>(frame.width));
  for (int y = 0; y < frame.height; ++y) {
    for (int channel = 0; channel < 3; ++channel) {
      const int component = components[channel];
      const int largest = (1 << format.comp[component].depth) - 1;
      av_read_image_line(line.data(), planes, frame.linesize, &format, 0, y, component, frame.width,
                         0);
      for (int x = 0; x < frame.width; ++x)
        rgb[3 * x + channel] =
            static_cast<std::uint8_t>((line[x] * kMaxSample / largest) ^ inverted);
    }
    rgb += std::ptrdiff_t{3} * frame.width;
  }
}

[[noreturn]] void refuse(const AVFrame& frame, const std::string& name) {
  const char* format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
  throw Error(ErrorKind::kInput, name + ": pixels of the kind \"" + (format ? format : "unknown") +
                                     "\" can't be read; save it as 8-bit RGB first");
}

bool is_rgb_or_grey(const AVPixFmtDescriptor& format) {
  return (format.flags & AV_PIX_FMT_FLAG_RGB) != 0 || format.nb_components < 3;
}

bool has_regular_samples(const AVPixFmtDescriptor& format) {
  if ((format.flags & AV_PIX_FMT_FLAG_BITSTREAM) != 0) return false;
  for (const int component : rgb_components(format)) {
    const AVComponentDescriptor& samples = format.comp[component];
    if ((samples.depth != 8 && samples.depth != 16) || samples.shift != 0) return false;
  }
  return true;
}

// One channel of Pillow's cmyk2rgb (Convert.c): white - ink * white, both inverted here, with its
// rounded division by 255.
std::uint8_t darken(int inverted_ink, int inverted_black) {
  const int product = (kMaxSample - inverted_ink) * inverted_black + 128;
  const int value = inverted_black - (((product >> 8) + product) >> 8);
  return static_cast<std::uint8_t>(value < 0 ? 0 : value);
}

void apply_black(const AVFrame& frame, std::uint8_t* rgb) {
  constexpr int kBlackPlane = 3;
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* black =
        frame.data[kBlackPlane] + std::ptrdiff_t{y} * frame.linesize[kBlackPlane];
    for (int x = 0; x < frame.width; ++x, rgb += 3)
      for (int channel = 0; channel < 3; ++channel)
        rgb[channel] = darken(rgb[channel], black[x]);
  }
}

// Adobe's inverted YCCK holds the inks themselves as YCbCr, so RGB of it is to be inverted.
void invert(std::uint8_t* rgb, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    rgb[i] = static_cast<std::uint8_t>(kMaxSample - rgb[i]);
}

void copy_yuv(const AVFrame& frame, const AVPixFmtDescriptor& format, YuvRule rule,
              const std::string& name, std::uint8_t* rgb) {
  const bool planar8 = (format.flags & AV_PIX_FMT_FLAG_PLANAR) != 0 && format.comp[0].depth == 8;
  const bool black = rule == YuvRule::kJpegCmyk || rule == YuvRule::kJpegYcck;
  if (!planar8 || (black && format.nb_components != 4)) refuse(frame, name);
  const YuvPlanes planes{frame, format.log2_chroma_w, format.log2_chroma_h};
  if (rule == YuvRule::kWebp)
    webp_yuv_to_rgb(planes, rgb);
  else if (rule == YuvRule::kJpegCmyk)
    jpeg_planes_to_rgb(planes, rgb);
  else
    jpeg_yuv_to_rgb(planes, rgb);
  if (rule == YuvRule::kJpegYcck) invert(rgb, 3 * pixel_count(frame));
  if (black) apply_black(frame, rgb);
}

// Maps pixel (x, y) of the upright picture to the stored one.
struct Orientation {
  bool transpose;
  bool flip_x;  // in the stored picture
  bool flip_y;
};

constexpr std::array<Orientation, 8> kOrientations{{
    {false, false, false},  // 1 upright
    {false, true, false},   // 2 mirrored
    {false, true, true},    // 3 turned by 180 degrees
    {false, false, true},   // 4 upside down and mirrored
    {true, false, false},   // 5 transposed
    {true, false, true},    // 6 turned left; to be turned right
    {true, true, true},     // 7 transverse
    {true, true, false},    // 8 turned right; to be turned left
}};

}  // namespace

Image frame_to_rgb(const AVFrame& frame, YuvRule rule, const std::string& name) {
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  constexpr std::uint64_t kUnreadable =
      AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT;
  if (format == nullptr || (format->flags & kUnreadable) != 0) refuse(frame, name);

  Image image{frame.width, frame.height, Bytes(3 * pixel_count(frame))};
  if ((format->flags & AV_PIX_FMT_FLAG_PAL) != 0)
    copy_palette(frame, image.rgb.data());
  else if (!is_rgb_or_grey(*format))
    copy_yuv(frame, *format, rule, name, image.rgb.data());
  else if (has_regular_samples(*format))
    copy_samples(frame, *format, image.rgb.data());
  else
    copy_bits(frame, *format, image.rgb.data());
  return image;
}

std::vector<float> read_component(const AVFrame& frame, int index) {
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  const AVComponentDescriptor& component = format.comp[index];
  const int high = (format.flags & AV_PIX_FMT_FLAG_BE) != 0 ? 0 : 1;
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(frame.width) * frame.height);
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* in =
        frame.data[0] + std::ptrdiff_t{y} * frame.linesize[0] + component.offset;
    for (int x = 0; x < frame.width; ++x, in += component.step)
      values.push_back(static_cast<float>(in[high] << 8 | in[1 - high]));
  }
  return values;
}

Bytes inverted_cmyk_to_rgb(const Bytes& cmyk) {
  const std::size_t pixels = cmyk.size() / 4;
  Bytes rgb(3 * pixels);
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel)
      rgb[3 * i + channel] = darken(cmyk[4 * i + channel], cmyk[4 * i + 3]);
  return rgb;
}

void turn_upright(const void* from, void* to, int& width, int& height, std::size_t pixel_bytes,
                  int orientation) {
  const bool known = orientation >= 1 && orientation <= static_cast<int>(kOrientations.size());
  const Orientation& way = kOrientations[known ? orientation - 1 : 0];
  const auto old_width = static_cast<std::size_t>(width);
  const int last_column = width - 1;
  const int last_row = height - 1;
  if (way.transpose) std::swap(width, height);
  const auto* stored = static_cast<const std::uint8_t*>(from);
  auto* out = static_cast<std::uint8_t*>(to);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, out += pixel_bytes) {
      const int u = way.transpose ? y : x;
      const int v = way.transpose ? x : y;
      const std::size_t column = way.flip_x ? last_column - u : u;
      const std::size_t row = way.flip_y ? last_row - v : v;
      std::memcpy(out, stored + pixel_bytes * (row * old_width + column), pixel_bytes);
    }
  }
}

Image upright(Image image, int orientation) {
  if (orientation <= 1 || orientation > static_cast<int>(kOrientations.size())) return image;
  Image out{image.width, image.height, Bytes(image.rgb.size())};
  turn_upright(image.rgb.data(), out.rgb.data(), out.width, out.height, 3, orientation);
  return out;
}

}  // namespace pandagpt
