// YCbCr -> RGB exactly as the decoders behind Pillow do it, so that pictures come out with the same
// numbers (libswscale differs from them by up to tens of levels at coloured edges).
#pragma once

#include "core/file.h"

struct AVFrame;  // libavutil/frame.h

namespace pandagpt {

/// Planar 8-bit YCbCr of a frame: plane 0 luma, 1 Cb, 2 Cr.
struct YuvPlanes {
  const AVFrame& frame;
  int chroma_shift_x;  ///< log2 of the horizontal subsampling
  int chroma_shift_y;
};

/// libjpeg-turbo's jdsample.c and jdcolor.c. `rgb`: height * width * 3 bytes.
void jpeg_yuv_to_rgb(const YuvPlanes& planes, std::uint8_t* rgb);

/// The same without the change of colours: the planes are red, green and blue.
void jpeg_planes_to_rgb(const YuvPlanes& planes, std::uint8_t* rgb);

/// libwebp's dsp/upsampling.c and dsp/yuv.h; needs 4:2:0. `rgb`: height * width * 3 bytes.
void webp_yuv_to_rgb(const YuvPlanes& planes, std::uint8_t* rgb);

}  // namespace pandagpt
