#include "media/yuv.h"

extern "C" {
#include <libavutil/frame.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace pandagpt {
namespace {

std::uint8_t clip8(int value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

// A row of one plane; y is clamped to the plane.
const std::uint8_t* plane_row(const AVFrame& frame, int plane, int y, int height) {
  return frame.data[plane] +
         static_cast<std::ptrdiff_t>(std::clamp(y, 0, height - 1)) * frame.linesize[plane];
}

// --- JPEG -----------------------------------------------------------------------------------

// 16.16 fixed point, jdcolor.c's FIX(1.40200) and so on.
constexpr int kCrToRed = 91881;
constexpr int kCbToGreen = 22554;
constexpr int kCrToGreen = 46802;
constexpr int kCbToBlue = 116130;
constexpr int kHalf = 1 << 15;

void jpeg_row_to_rgb(const std::uint8_t* luma, const std::uint8_t* cb, const std::uint8_t* cr,
                     int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x) {
    const int y = luma[x];
    const int b = cb[x] - 128;
    const int r = cr[x] - 128;
    rgb[3 * x] = clip8(y + ((kCrToRed * r + kHalf) >> 16));
    rgb[3 * x + 1] = clip8(y + ((kHalf - kCbToGreen * b - kCrToGreen * r) >> 16));
    rgb[3 * x + 2] = clip8(y + ((kCbToBlue * b + kHalf) >> 16));
  }
}

// One output row of a subsampled plane at full width; width rounded up to the subsampling.
class JpegUpsampler {
 public:
  JpegUpsampler(const YuvPlanes& planes, int plane)
      : frame_(planes.frame),
        plane_(plane),
        shift_x_(planes.chroma_shift_x),
        shift_y_(planes.chroma_shift_y),
        width_(-(-frame_.width >> shift_x_)),
        height_(-(-frame_.height >> shift_y_)),
        sums_(width_ + 2),
        row_(static_cast<std::size_t>(width_) << shift_x_) {}

  const std::uint8_t* row(int y) {
    const int near = y >> shift_y_;
    const std::uint8_t* in = plane_row(frame_, plane_, near, height_);
    // The row beyond the nearest one, which counts a quarter.
    const std::uint8_t* far = plane_row(frame_, plane_, y & 1 ? near + 1 : near - 1, height_);
    // libjpeg-turbo doesn't interpolate planes of one or two columns.
    const bool fancy_x = shift_x_ == 1 && width_ > 2;
    if (fancy_x && shift_y_ == 1) return both_ways(in, far);
    if (fancy_x && shift_y_ == 0) return sideways(in);
    if (shift_x_ == 0 && shift_y_ == 1) return upright(in, far, y & 1);
    if (shift_x_ == 0) return in;
    for (std::size_t x = 0; x < row_.size(); ++x)
      row_[x] = in[x >> shift_x_];
    return row_.data();
  }

 private:
  const std::uint8_t* both_ways(const std::uint8_t* in, const std::uint8_t* far) {
    std::int16_t* sums = sums_.data() + 1;
    for (int x = 0; x < width_; ++x)
      sums[x] = static_cast<std::int16_t>(3 * in[x] + far[x]);
    sums[-1] = sums[0];
    sums[width_] = sums[width_ - 1];
    std::uint8_t* out = row_.data();
    for (int x = 0; x < width_; ++x) {
      out[2 * x] = static_cast<std::uint8_t>((3 * sums[x] + sums[x - 1] + 8) >> 4);
      out[2 * x + 1] = static_cast<std::uint8_t>((3 * sums[x] + sums[x + 1] + 7) >> 4);
    }
    return out;
  }

  const std::uint8_t* sideways(const std::uint8_t* in) {
    std::uint8_t* out = row_.data();
    for (int x = 0; x < width_; ++x) {
      out[2 * x] = static_cast<std::uint8_t>((3 * in[x] + in[std::max(x - 1, 0)] + 1) >> 2);
      out[2 * x + 1] =
          static_cast<std::uint8_t>((3 * in[x] + in[std::min(x + 1, width_ - 1)] + 2) >> 2);
    }
    return out;
  }

  const std::uint8_t* upright(const std::uint8_t* in, const std::uint8_t* far, int lower) {
    for (int x = 0; x < width_; ++x)
      row_[x] = static_cast<std::uint8_t>((3 * in[x] + far[x] + 1 + lower) >> 2);
    return row_.data();
  }

  const AVFrame& frame_;
  int plane_;
  int shift_x_;
  int shift_y_;
  int width_;   // of the subsampled plane
  int height_;  // likewise
  std::vector<std::int16_t> sums_;
  Bytes row_;
};

// --- WebP -----------------------------------------------------------------------------------

// libwebp's 14-bit fixed point: BT.601 studio range, with the high 8 bits of a 16-bit product.
int webp_product(int value, int factor) {
  return (value * factor) >> 8;
}
std::uint8_t webp_clip(int value) {
  return clip8(value >> 6);
}

void webp_pixel(int y, int u, int v, std::uint8_t* rgb) {
  const int luma = webp_product(y, 19077);
  rgb[0] = webp_clip(luma + webp_product(v, 26149) - 14234);
  rgb[1] = webp_clip(luma - webp_product(u, 6419) - webp_product(v, 13320) + 8708);
  rgb[2] = webp_clip(luma + webp_product(u, 33050) - 17685);
}

// One chroma row at full width: 9/16, 3/16, 3/16, 1/16 in libwebp's own rounding.
void webp_upsample(const std::uint8_t* near, const std::uint8_t* far, int width,
                   std::uint8_t* out) {
  out[0] = static_cast<std::uint8_t>((3 * near[0] + far[0] + 2) >> 2);
  const int last_pair = (width - 1) >> 1;
  for (int x = 1; x <= last_pair; ++x) {
    const int sum = near[x - 1] + near[x] + far[x - 1] + far[x] + 8;
    const int right = (sum + 2 * (near[x] + far[x - 1])) >> 3;
    const int left = (sum + 2 * (near[x - 1] + far[x])) >> 3;
    out[2 * x - 1] = static_cast<std::uint8_t>((right + near[x - 1]) >> 1);
    out[2 * x] = static_cast<std::uint8_t>((left + near[x]) >> 1);
  }
  if (width % 2 == 0) {
    const int last = last_pair;
    out[width - 1] = static_cast<std::uint8_t>((3 * near[last] + far[last] + 2) >> 2);
  }
}

}  // namespace

void jpeg_yuv_to_rgb(const YuvPlanes& planes, std::uint8_t* rgb) {
  const AVFrame& frame = planes.frame;
  JpegUpsampler cb(planes, 1);
  JpegUpsampler cr(planes, 2);
  for (int y = 0; y < frame.height; ++y) {
    jpeg_row_to_rgb(plane_row(frame, 0, y, frame.height), cb.row(y), cr.row(y), frame.width, rgb);
    rgb += std::ptrdiff_t{3} * frame.width;
  }
}

void jpeg_planes_to_rgb(const YuvPlanes& planes, std::uint8_t* rgb) {
  const AVFrame& frame = planes.frame;
  JpegUpsampler second(planes, 1);
  JpegUpsampler third(planes, 2);
  for (int y = 0; y < frame.height; ++y) {
    const std::array rows{plane_row(frame, 0, y, frame.height), second.row(y), third.row(y)};
    for (int x = 0; x < frame.width; ++x, rgb += 3)
      for (int channel = 0; channel < 3; ++channel)
        rgb[channel] = rows[channel][x];
  }
}

void webp_yuv_to_rgb(const YuvPlanes& planes, std::uint8_t* rgb) {
  const AVFrame& frame = planes.frame;
  const int chroma_height = (frame.height + 1) / 2;
  Bytes u(static_cast<std::size_t>(frame.width) + 1);
  Bytes v(u.size());
  for (int y = 0; y < frame.height; ++y) {
    const int near = y / 2;
    const int far = y % 2 == 0 ? near - 1 : near + 1;
    webp_upsample(plane_row(frame, 1, near, chroma_height), plane_row(frame, 1, far, chroma_height),
                  frame.width, u.data());
    webp_upsample(plane_row(frame, 2, near, chroma_height), plane_row(frame, 2, far, chroma_height),
                  frame.width, v.data());
    const std::uint8_t* luma = plane_row(frame, 0, y, frame.height);
    for (int x = 0; x < frame.width; ++x, rgb += 3)
      webp_pixel(luma[x], u[x], v[x], rgb);
  }
}

}  // namespace pandagpt
