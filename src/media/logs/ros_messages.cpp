// ROS 1: https://wiki.ros.org/msg. ROS 2: CDR of OMG's DDS-XTypes, in which a number stands at a
// multiple of its size.
#include "media/logs/ros_messages.h"

#include <algorithm>

#include "media/logs/cursor.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr const char* kRos1 = "ros1";
constexpr const char* kCdr = "cdr";

/// The encapsulations of CDR that ROS writes: the byte order, and the largest alignment.
struct CdrKind {
  std::uint16_t id;
  bool big_endian;
  std::size_t max_alignment;
};
constexpr std::array kCdrKinds{CdrKind{0, true, 8}, CdrKind{1, false, 8}, CdrKind{6, true, 4},
                               CdrKind{7, false, 4}};
constexpr std::size_t kCdrHeadBytes = 4;

/// Reads the fields of one message, in their order.
class Message {
 public:
  Message(ByteView bytes, const std::string& encoding, const std::string& name)
      : is_cdr_(encoding == kCdr), fields_(bytes) {
    if (!is_cdr_) return;
    Cursor head(bytes, /*big_endian=*/true);
    const std::uint16_t id = head.u16();
    const auto* kind = std::ranges::find(kCdrKinds, id, &CdrKind::id);
    if (kind == kCdrKinds.end())
      throw Error(ErrorKind::kInput, name + ": CDR of the kind " + std::to_string(id) +
                                         " isn't read; record the topic as ROS 2 writes it");
    fields_ = Cursor(bytes.subspan(kCdrHeadBytes), kind->big_endian);
    max_alignment_ = kind->max_alignment;
  }

  std::uint8_t u8() { return fields_.u8(); }
  std::uint32_t u32() {
    align(sizeof(std::uint32_t));
    return fields_.u32();
  }
  double f64() {
    align(sizeof(double));
    return fields_.f64();
  }
  std::array<double, 3> vector() {
    std::array<double, 3> values{};
    for (double& value : values)
      value = f64();
    return values;
  }
  std::string text() {
    std::string value = fields_.text(u32());
    if (is_cdr_ && value.ends_with('\0')) value.pop_back();
    return value;
  }
  ByteView bytes() { return fields_.take(u32()); }

  /// std_msgs/Header; the result is its time.
  std::int64_t header() {
    if (!is_cdr_) u32();  // sequence number
    const std::int64_t seconds = static_cast<std::int32_t>(u32());
    const std::int64_t stamp = seconds * kNanosecondsPerSecond + u32();
    text();  // the frame
    return stamp;
  }
  /// A covariance of three numbers. Its first value is -1 where the sensor is missing.
  bool covariance() {
    const double first = f64();
    for (int i = 1; i < 9; ++i)
      f64();
    return first != -1;
  }

 private:
  void align(std::size_t size) {
    if (!is_cdr_) return;
    const std::size_t step = std::min(size, max_alignment_);
    fields_.skip((step - fields_.position() % step) % step);
  }

  bool is_cdr_;
  std::size_t max_alignment_ = 1;
  Cursor fields_;
};

template <typename Result, typename Function>
Result read(ByteView bytes, const std::string& encoding, const std::string& name, const char* type,
            const Function& fill) {
  try {
    Result result;
    Message message(bytes, encoding, name);
    fill(message, result);
    return result;
  } catch (const OutOfBytes&) {
    throw Error(ErrorKind::kInput, name + ": the message is too short for one of " + type +
                                       "; record the topic again");
  }
}

}  // namespace

bool is_ros_encoding(const std::string& encoding) {
  return encoding == kRos1 || encoding == kCdr;
}

RosImu read_ros_imu(ByteView message, const std::string& encoding, const std::string& name) {
  return read<RosImu>(message, encoding, name, kRosImu, [](Message& fields, RosImu& imu) {
    imu.stamp_ns = fields.header();
    for (int i = 0; i < 4; ++i)
      fields.f64();  // orientation
    fields.covariance();
    imu.rotation = fields.vector();
    imu.has_rotation = fields.covariance();
    imu.acceleration = fields.vector();
    imu.has_acceleration = fields.covariance();
  });
}

RosImage read_ros_image(ByteView message, const std::string& encoding, const std::string& name) {
  return read<RosImage>(message, encoding, name, kRosImage, [](Message& fields, RosImage& image) {
    fields.header();
    image.height = fields.u32();
    image.width = fields.u32();
    image.encoding = fields.text();
    image.big_endian = fields.u8() != 0;
    image.step = fields.u32();
    image.data = fields.bytes();
  });
}

RosCompressedImage read_ros_compressed_image(ByteView message, const std::string& encoding,
                                             const std::string& name) {
  return read<RosCompressedImage>(message, encoding, name, kRosCompressedImage,
                                  [](Message& fields, RosCompressedImage& image) {
                                    fields.header();
                                    image.format = fields.text();
                                    image.data = fields.bytes();
                                  });
}

}  // namespace pandagpt
