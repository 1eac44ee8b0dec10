// What a picture file says about itself, read from its own headers before a decoder sees it.
//
// The decoder is chosen from the first bytes alone and is fed from memory, so no demuxer of FFmpeg
// that opens further files or addresses (playlists, concat, image sequences) can ever run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/file.h"

namespace pandagpt {

enum class ImageFormat { kJpeg, kPng, kWebp, kBmp, kGif, kTiff, kHeic, kAvif };

struct ImageInfo {
  ImageFormat format = ImageFormat::kJpeg;
  std::uint32_t width = 0;         ///< of the whole picture (canvas), pixels, before orientation
  std::uint32_t height = 0;        ///< likewise
  int orientation = 1;             ///< EXIF: 1 upright .. 8; see upright() in pixels.h
  std::uint64_t coded_pixels = 0;  ///< HEIC, AVIF: of the largest picture that is decoded for it
};

/// Width and height of the upright picture, pixels.
std::pair<std::uint32_t, std::uint32_t> upright_size(const ImageInfo& info);

/// Name of a format for messages: "JPEG".
const char* format_name(ImageFormat format);

/// The format that the first bytes of a file show, also of one that this build can't read (HEIC and
/// AVIF without libheif); nothing for other files. 64 bytes are enough.
std::optional<ImageFormat> sniff_image_format(ByteView beginning);

/// Finds the format and reads size and orientation.
/// Throws Error(kInput), "NAME: what; what to do": not a known picture format, truncated header.
ImageInfo read_image_info(ByteView bytes, const std::string& name);

}  // namespace pandagpt
