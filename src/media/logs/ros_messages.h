// Messages of ROS: sensor_msgs/Imu, Image and CompressedImage, as ROS 1 and ROS 2 (CDR) write them.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/file.h"
#include "media/image.h"
#include "media/scalar_map.h"

namespace pandagpt {

inline constexpr const char* kRosImu = "sensor_msgs/Imu";
inline constexpr const char* kRosImage = "sensor_msgs/Image";
inline constexpr const char* kRosCompressedImage = "sensor_msgs/CompressedImage";

/// Whether messages of an encoding ("ros1", "cdr") can be taken apart.
bool is_ros_encoding(const std::string& encoding);

struct RosImu {
  std::int64_t stamp_ns = 0;             ///< of the measurement; 0 where the driver sets none
  std::array<double, 3> acceleration{};  ///< m/s^2
  std::array<double, 3> rotation{};      ///< rad/s
  bool has_acceleration = true;          ///< the message itself can say that a sensor is missing
  bool has_rotation = true;
};

/// Views into the message.
struct RosImage {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::string encoding;  ///< "rgb8", "16UC1", ..
  bool big_endian = false;
  std::uint32_t step = 0;  ///< bytes from row to row
  ByteView data;
};
struct RosCompressedImage {
  std::string format;  ///< "jpeg", "16UC1; compressedDepth png", ..
  ByteView data;
};

// Of messages in the encoding. Each throws Error(kInput), "NAME: what; what to do", for a message
// that is too short.
RosImu read_ros_imu(ByteView message, const std::string& encoding, const std::string& name);
RosImage read_ros_image(ByteView message, const std::string& encoding, const std::string& name);
RosCompressedImage read_ros_compressed_image(ByteView message, const std::string& encoding,
                                             const std::string& name);

/// Whether the pixels of an encoding are measurements: one channel of more than 8 bits.
bool is_ros_map(const std::string& encoding);
/// Whether they are colours or grey levels that can be read.
bool is_ros_picture(const std::string& encoding);

/// The pixels as colours: 8 and 16 bits (their high bytes), Bayer patterns, YUV 4:2:2. Throws
/// Error(kInput): other encodings, fewer bytes than pixels, larger than `limits`.
Image decode_ros_picture(const RosImage& message, const std::string& name,
                         const ImageLimits& limits);
/// The pixels as measurements: 16 bits, or floats of 32 and 64 bits. Throws likewise.
ScalarMap decode_ros_map(const RosImage& message, const std::string& name,
                         const ImageLimits& limits);

}  // namespace pandagpt
