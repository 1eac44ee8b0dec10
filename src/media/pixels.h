// Decoded frames of FFmpeg -> 8-bit RGB.
#pragma once

#include <string>
#include <vector>

#include "media/image.h"

struct AVFrame;  // libavutil/frame.h

namespace pandagpt {

/// What the planes of a YUV frame mean.
enum class YuvRule {
  kJpeg,      ///< libjpeg-turbo's arithmetic: full range, "fancy" chroma upsampling
  kJpegCmyk,  ///< four planes: CMYK stored inverted, as Adobe's programs do
  kJpegYcck,  ///< four planes: the same with its CMY as YCbCr
  kWebp,      ///< libwebp's arithmetic: BT.601 studio range, its own upsampling
};

/// Alpha is dropped, not blended. 16-bit samples keep their high byte (Pillow clips 16-bit grey at
/// 255 instead, which turns nearly every such picture white). Grey is repeated.
/// Throws Error(kInput), starting with `name`, for a pixel format that has no such meaning.
Image frame_to_rgb(const AVFrame& frame, YuvRule rule, const std::string& name);

/// [height, width]: one component of pixels whose components have 9 to 16 bits.
std::vector<float> read_component(const AVFrame& frame, int index = 0);

/// [pixels, 4] CMYK as Adobe stores it in JPEG, inverted -> [pixels, 3] RGB, with Pillow's formula.
Bytes inverted_cmyk_to_rgb(const Bytes& cmyk);

/// Undoes an EXIF orientation (1..8); others are taken as 1.
Image upright(Image image, int orientation);

/// The same for pixels of any kind: [height, width] of `pixel_bytes` each in `from` become the
/// upright ones in `to`, and `width` and `height` its sides.
void turn_upright(const void* from, void* to, int& width, int& height, std::size_t pixel_bytes,
                  int orientation);

}  // namespace pandagpt
