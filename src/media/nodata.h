// Pixels of thermal maps that hold a number which means "no value".
#pragma once

#include <string>

#include "media/scalar_map.h"

namespace pandagpt {

/// Turns these pixels into NaN, with a line in the report:
/// - the numbers that programs use for it (-9999, -32768, -3.4e38, ..) and temperatures below
///   absolute zero, where they are the lowest by far;
/// - 0 and 65535, where all others lie in a range far off. This is a guess, which a warning says.
/// What the file itself calls so (GDAL's tag) is done by its reader.
void mark_missing_values(ScalarMap& map, const std::string& name);

}  // namespace pandagpt
