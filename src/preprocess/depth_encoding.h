// The numbers of a depth map -> metres.
#pragma once

#include <string>

#include "media/scalar_map.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// (height, width) of metres, NaN where there is no depth; with the unit kMetres. Infinite where
/// the encoding says that it is far away, not measured.
///
/// `options` say what the numbers of `map` are (depth_encoding, depth_metres_per_unit, and for
/// disparities both numbers of the camera). What they don't say is taken from the file: its unit,
/// its numbers, its name (`name`, a path, which also stands for the map in messages). Where it
/// doesn't say it either, whole numbers are millimetres and floats metres, and a warning has the
/// range that this gives. The report of the result says what was taken, and why.
///
/// Throws Error(kInput), "NAME: what; what to do": no pixel has a depth, depths or disparities that
/// can't be, whole numbers of an 8-bit picture, a disparity without a camera; Error(kUsage) for
/// options that contradict one another.
ScalarMap depth_in_metres(const ScalarMap& map, const SensorOptions& options,
                          const std::string& name);

}  // namespace pandagpt
