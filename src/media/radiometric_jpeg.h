// JPEG files of thermal cameras: what the camera measured stands beside the picture that it shows,
// in application segments of its maker's own. Zoom, overlays and palettes of the picture don't
// matter to it.
#pragma once

#include <optional>
#include <string>

#include "core/file.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// The measurement in a JPEG file of FLIR (and of others with FLIR's block: DJI XT, XT2, XT R), DJI
/// (R-JPEG) or InfiRay (IJPEG): degrees Celsius or counts, upright. Nothing for other JPEG files,
/// and for photos of such cameras without a measurement. Throws Error(kInput): damaged, larger than
/// `limits`, a size that can't be found out.
std::optional<ScalarMap> decode_radiometric_jpeg(ByteView bytes, const std::string& name,
                                                 const ImageLimits& limits);

/// Whose measurement stands in a JPEG file: "FLIR", "DJI", "InfiRay"; "" where there is none. The
/// measurement itself isn't read.
std::string measurement_in_jpeg(ByteView bytes);

}  // namespace pandagpt
