// Pillow's resampling (src/libImaging/Resample.c), for a window of the output only.
#pragma once

#include <cstdint>

#include "media/image.h"

namespace pandagpt {

/// The part of one axis of the resized picture that is wanted.
struct ResampleAxis {
  std::int64_t full = 0;   ///< length of the whole resized axis, pixels
  std::int64_t begin = 0;  ///< first wanted pixel
  int length = 0;          ///< number of wanted pixels
};

/// Bicubic (a = -0.5), antialiased, in Pillow's 8-bit fixed point: the pixels are those of
/// Image.resize((x.full, y.full), BICUBIC) cut to the window. Memory and time depend on the window,
/// not on `full`.
Image resample_bicubic(const Image& image, const ResampleAxis& x, const ResampleAxis& y);

}  // namespace pandagpt
