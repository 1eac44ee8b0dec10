// Still pictures: a file or memory buffer -> upright 8-bit RGB.
//
// JPEG (baseline, progressive, grey, CMYK/YCCK), PNG, WebP, BMP, GIF (first frame) and TIFF; HEIC
// and AVIF (main picture) where the build has libheif. The result follows Pillow's
// Image.open(f).convert("RGB"), which the reference implementation uses; docstrings of the .cpp
// files name the places where it differs on purpose.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// 8-bit RGB, upright (an EXIF orientation is already applied).
struct Image {
  int width = 0;   ///< pixels
  int height = 0;  ///< pixels
  Bytes rgb;       ///< [height, width, 3], row-major
};

/// What is refused before memory is taken for it.
struct ImageLimits {
  std::uint64_t max_file_bytes = std::uint64_t{256} << 20;
  /// Pillow's decompression-bomb limit: 2 * (1 GiB / 4 / 3) pixels.
  std::uint64_t max_pixels = 178'956'970;
};

/// Decodes one picture. `name` stands for the buffer in error messages.
/// Throws Error(kInput), "NAME: what; what to do": empty, not a picture, a format that isn't
/// supported, truncated or damaged, or larger than `limits` (judged from the header).
Image decode_image(ByteView bytes, const std::string& name, const ImageLimits& limits = {});

/// Reads and decodes a file, or standard input when `path` is "-".
/// Throws Error(kInput) as read_file and decode_image do.
Image load_image(const std::filesystem::path& path, const ImageLimits& limits = {});

}  // namespace pandagpt
