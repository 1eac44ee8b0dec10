// When and with what a picture was taken, by its EXIF block.
#pragma once

#include <string>

#include "core/file.h"
#include "media/image_info.h"

namespace pandagpt {

/// What a picture or a recording says about its making. Empty: it doesn't.
struct CaptureInfo {
  std::string camera;  ///< maker and model: "Apple iPhone X"
  std::string time;    ///< "2019-03-05 12:30:11", with its zone where it has one ("+01:00")
};

/// Of JPEG, PNG, WebP, TIFF and (with libheif) HEIC and AVIF. Never an error: a block that can't be
/// read says nothing.
CaptureInfo read_capture_info(ByteView bytes, ImageFormat format);

/// "2019:03:05 12:30:11" or "2019-03-05T12:30:11.000000Z" as CaptureInfo has it; empty for anything
/// else, and for the zeros of a clock that was never set.
std::string shown_time(const std::string& stamp, const std::string& zone = {});

}  // namespace pandagpt
