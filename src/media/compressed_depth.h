// compressedDepth of ROS: what compressed_depth_image_transport puts into
// sensor_msgs/CompressedImage.
#pragma once

#include <string>

#include "core/file.h"
#include "media/image.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// Whether `bytes` are the data of such a message: a header of 12 bytes, then a PNG file. Packed by
/// RVL they show no sign of it.
bool is_compressed_depth(ByteView bytes);

/// Reads the message's `data`: a header of 12 bytes, then 16-bit grey PNG or RVL. `format` is the
/// message's field ("16UC1; compressedDepth png", "32FC1; compressedDepth", "..rvl"); empty where
/// it isn't known. The result has whole millimetres for 16UC1 (REP 118), and for 32FC1 floats with
/// the unit kMetres, NaN where there is no depth. `name` stands for the data in messages, `limits`
/// are judged before memory is taken. Throws Error(kInput): another format, truncated or damaged,
/// too large.
ScalarMap decode_compressed_depth(ByteView bytes, const std::string& format,
                                  const std::string& name, const ImageLimits& limits = {});

}  // namespace pandagpt
