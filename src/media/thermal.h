// Thermal pictures: what an infrared camera measures, or shows (8 bits) -> grey levels.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "media/image.h"
#include "media/input_report.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// How measurements become the 256 grey levels that the tower knows. Pictures of 8 bits have been
/// through this in the camera, and are taken as they are.
struct ThermalRange {
  /// What is black and what is white: degrees Celsius where the file gives degrees, else its own
  /// unit. To show several measurements alike.
  std::optional<double> coldest = {};
  std::optional<double> warmest = {};
  // Where they aren't given: quantiles of the pixels, so that a few hot or dead ones don't decide.
  double low_quantile = 0.01;
  double high_quantile = 0.99;
};

/// A thermal file as it was read.
struct ThermalFile {
  std::optional<ScalarMap> map;  ///< the measurement, upright; NaN: a pixel without a value
  Image picture;                 ///< grey, where there is no measurement
  InputReport report;            ///< of whichever there is
};

/// The measurement of a file, whatever its picture shows: radiometric JPEG (FLIR, DJI, InfiRay);
/// FLIR's FFF, SEQ and CSQ; decode_scalar_map's formats (PNG and TIFF of 16 bits, TIFF, EXR and NPY
/// of temperatures); tables of temperatures as text; a film whose frames are grey with more than 8
/// bits. Without one: any picture that decode_image takes, and films, turned grey as Pillow's
/// convert("L") does, with a warning if it is in false colours. Of a film one frame is taken, with
/// a warning: FLIR's first, else the one in the middle. Throws Error(kInput) as the readers do.
ThermalFile decode_thermal_file(ByteView bytes, const std::string& name,
                                const ImageLimits& limits = {});

/// Reads a file, or standard input when `path` is "-".
ThermalFile load_thermal_file(const std::filesystem::path& path, const ImageLimits& limits = {});

/// Grey levels: the three samples of a pixel are the same. A pixel without a value is black. Throws
/// Error(kInput) for measurements that are all the same or no numbers; Error(kUsage) for a range
/// that isn't one.
Image thermal_picture(ThermalFile file, const std::string& name, const ThermalRange& range = {});

/// Both steps, of a buffer and of a file.
Image decode_thermal(ByteView bytes, const std::string& name, const ThermalRange& range = {},
                     const ImageLimits& limits = {});
Image load_thermal(const std::filesystem::path& path, const ThermalRange& range = {},
                   const ImageLimits& limits = {});

}  // namespace pandagpt
