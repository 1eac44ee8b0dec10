// Thermal pictures: what an infrared camera shows (8 bits) or measures (more) -> grey levels.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "media/image.h"

namespace pandagpt {

/// How measurements become the 256 grey levels that the tower knows. Pictures of 8 bits have been
/// through this in the camera, and are taken as they are.
struct ThermalRange {
  /// What is black and what is white, in the unit of the file: to show several measurements alike.
  std::optional<double> coldest = {};
  std::optional<double> warmest = {};
  // Where they aren't given: quantiles of the pixels, so that a few hot or dead ones don't decide.
  double low_quantile = 0.01;
  double high_quantile = 0.99;
};

/// Any picture that decode_image takes, turned grey as Pillow's convert("L") does; or measurements
/// (decode_scalar_map: radiometric PNG and TIFF of 16 bits, TIFF, EXR and NPY of temperatures). The
/// result is grey: the three samples of a pixel are the same. A pixel without a value is black.
/// Throws Error(kInput) as those two do, and for measurements that are all the same or no numbers;
/// Error(kUsage) for a range that isn't one.
Image decode_thermal(ByteView bytes, const std::string& name, const ThermalRange& range = {},
                     const ImageLimits& limits = {});

/// Reads a file, or standard input when `path` is "-".
Image load_thermal(const std::filesystem::path& path, const ThermalRange& range = {},
                   const ImageLimits& limits = {});

}  // namespace pandagpt
