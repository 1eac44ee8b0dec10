#include "media/sensor_units.h"

namespace pandagpt {

const std::map<std::string, AccelerationUnit>& acceleration_units() {
  static const std::map<std::string, AccelerationUnit> kUnits{
      {"m/s2", AccelerationUnit::kMetresPerSecondSquared},
      {"g", AccelerationUnit::kG},
      {"mg", AccelerationUnit::kMilliG}};
  return kUnits;
}

const std::map<std::string, RotationUnit>& rotation_units() {
  static const std::map<std::string, RotationUnit> kUnits{
      {"rad/s", RotationUnit::kRadiansPerSecond}, {"deg/s", RotationUnit::kDegreesPerSecond}};
  return kUnits;
}

const std::map<std::string, ImuGravity>& imu_gravities() {
  static const std::map<std::string, ImuGravity> kGravities{{"present", ImuGravity::kPresent},
                                                            {"absent", ImuGravity::kAbsent}};
  return kGravities;
}

const std::map<std::string, VideoFrames>& video_frames() {
  static const std::map<std::string, VideoFrames> kFrames{{"shown", VideoFrames::kShown},
                                                          {"stored", VideoFrames::kStored}};
  return kFrames;
}

const std::map<std::string, DepthEncoding>& depth_encodings() {
  static const std::map<std::string, DepthEncoding> kEncodings = [] {
    std::map<std::string, DepthEncoding> encodings;
    for (const DepthEncoding one : kAllDepthEncodings)
      encodings[to_string(one)] = one;
    return encodings;
  }();
  return kEncodings;
}

}  // namespace pandagpt
