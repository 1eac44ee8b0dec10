// Who made a picture, by its EXIF block.
#pragma once

#include <string>

#include "core/file.h"

namespace pandagpt {

struct ExifCamera {
  std::string maker;    ///< "DJI"; may be empty
  std::string model;    ///< "ZH20T"; may be empty
  int orientation = 1;  ///< 1 upright .. 8

  /// "DJI ZH20T": the maker's name isn't said twice.
  std::string name() const;
};

/// `block`: a TIFF file, or one behind "Exif\0\0". What is damaged is left out.
ExifCamera read_exif_camera(ByteView block);

}  // namespace pandagpt
