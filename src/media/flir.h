// The measurement that FLIR's cameras, and others with its sensors, put into their files: counts,
// and the constants that make them temperatures.
//
// The block ("FFF") has a header, a directory of records, and the records. It stands alone in .fff
// files, one after the other in films (.seq, .csq), and in pieces in JPEG files.
#pragma once

#include <string>

#include "core/file.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// FFF, SEQ and CSQ files, by their beginning.
bool is_flir_file(ByteView beginning);

/// Whether a block has a measurement: photos that the same cameras take in visible light have none.
/// False for damaged ones.
bool has_flir_measurement(ByteView block);

/// Degrees Celsius where the block has constants, else counts; of the first picture of a film,
/// which a warning says. `format` is the file's, for the report. Throws Error(kInput): no
/// measurement, damaged, larger than `limits`, a coding that this FFmpeg can't read.
ScalarMap decode_flir(ByteView block, const std::string& format, const std::string& name,
                      const ImageLimits& limits);

}  // namespace pandagpt
