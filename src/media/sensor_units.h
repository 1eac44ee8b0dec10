// Units and encodings of sensors by name: on the command line, in requests, in lists and in Python.
#pragma once

#include <map>
#include <string>

#include "pandagpt/input.h"

namespace pandagpt {

/// "m/s2", "g", "mg".
const std::map<std::string, AccelerationUnit>& acceleration_units();
/// "rad/s", "deg/s".
const std::map<std::string, RotationUnit>& rotation_units();
/// "present", "absent": imu_gravity_from_name().
const std::map<std::string, ImuGravity>& imu_gravities();
/// "shown", "stored": video_frames_from_name().
const std::map<std::string, VideoFrames>& video_frames();
/// "auto", "mm", "m", "tum", ..: depth_encoding_from_name().
const std::map<std::string, DepthEncoding>& depth_encodings();

}  // namespace pandagpt
