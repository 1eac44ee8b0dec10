// Files of depth: maps of measurements, and pictures that hold a depth map or stand for one.
#pragma once

#include <filesystem>
#include <string>

#include "core/file.h"
#include "media/image.h"
#include "media/scalar_map.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// Reads what decode_scalar_map() reads, and
///   - the depth or disparity beside an HEIC picture, as floats with their unit (read_heif_depth);
///   - 8-bit grey pictures where `encoding` may mean them: disparities, inverse and relative depth;
///   - compressedDepth of ROS (decode_compressed_depth).
/// The numbers stay as they stand in the file: depth_in_metres() reads them. `name` stands for the
/// buffer in messages. Throws Error(kInput), "NAME: what; what to do", as decode_scalar_map().
ScalarMap decode_depth_map(ByteView bytes, const std::string& name,
                           DepthEncoding encoding = DepthEncoding::kAuto,
                           const ImageLimits& limits = {});

/// Reads a file, or standard input when `path` is "-".
ScalarMap load_depth_map(const std::filesystem::path& path,
                         DepthEncoding encoding = DepthEncoding::kAuto,
                         const ImageLimits& limits = {});

}  // namespace pandagpt
