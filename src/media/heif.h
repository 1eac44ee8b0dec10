// HEIC, HEIF and AVIF pictures through libheif, where the build has found it.
#pragma once

#include <optional>
#include <string>

#include "media/image.h"
#include "media/image_info.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// True when this build reads HEIC and AVIF files.
bool has_libheif();

/// Sets width, height and coded_pixels to those of the file's main picture: upright, as its own
/// irot and imir say (an EXIF orientation doesn't count beside them), and cropped as it says. Only
/// called when has_libheif(). Throws Error(kInput), starting with `name`: no still picture in it,
/// damaged, a codec that this libheif has no decoder for.
void read_heif_size(ByteView bytes, const std::string& name, ImageInfo& info);

/// The EXIF block of the main picture, as a TIFF structure; empty without one, for what can't be
/// read, and without libheif.
Bytes heif_exif(ByteView bytes);

/// Decodes the main picture, upright. Alpha is dropped, not blended; deeper samples become 8 bits.
/// std::nullopt when it can't be decoded, with the reason in `complaint`, which is also set when
/// there is a picture, but a damaged one. Only called when has_libheif().
std::optional<Image> decode_with_libheif(ByteView bytes, const ImageInfo& info,
                                         std::string& complaint);

/// The depth map beside the main picture, upright: the file's numbers as they are meant, with the
/// unit kPerMetre (disparity, as iPhones write it) or kMetres. The range of the coded samples
/// stands in the XMP of the map (FloatMinValue, FloatMaxValue, Apple's apdi) or in its own
/// depth_representation_info (ISO/IEC 23008-12). Only called when has_libheif(). Throws
/// Error(kInput), starting with `name`: no depth in it, without a range, damaged, larger than
/// `limits`.
ScalarMap read_heif_depth(ByteView bytes, const std::string& name, const ImageLimits& limits);

}  // namespace pandagpt
