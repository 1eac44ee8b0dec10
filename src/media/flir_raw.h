// The pixels of FLIR's record of raw data, in any of the codings that its cameras use.
#pragma once

#include <string>

#include "media/byte_reader.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// Counts: 16-bit numbers as they are, PNG (whose bytes FLIR swaps), TIFF, or JPEG-LS. `record` is
/// opened in its byte order. Throws OutOfBytes; Error(kInput) as decode_scalar_map, and for a
/// coding that isn't known.
ScalarMap decode_flir_raw(const ByteReader& record, const std::string& name,
                          const ImageLimits& limits);

}  // namespace pandagpt
