// Inputs out of robots' logs: a message of a picture, a map, or a recording of motion.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "media/image.h"
#include "media/imu_raw.h"
#include "media/logs/address.h"
#include "media/logs/recorded_log.h"
#include "media/logs/topics.h"
#include "media/scalar_map.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// A log that was opened, and the place in it that a name means.
struct LogInput {
  std::string name;  ///< as it was given, for messages
  LogAddress address;
  std::unique_ptr<RecordedLog> log;
};

/// The log of a file or buffer; nothing if it is none. Throws Error(kInput), "NAME: what; what to
/// do": a place in a file that has none, a damaged log.
std::optional<LogInput> open_log(const std::string& path);
std::optional<LogInput> open_log(ByteView bytes, const std::string& name);

/// Seconds from the log's first message.
double seconds_from_start(const RecordedLog& log, std::uint64_t time_ns);

/// A time on the log's clock. Throws Error(kInput) if it lies more than a second behind its end.
std::uint64_t log_time_of(const LogInput& input, double seconds);

/// Topics whose messages can be given as `wanted` (kImage, kThermal, kDepth or kImu).
std::vector<LogTopic> log_topics_of(LogInput& input, Modality wanted);
/// The address's topic, or the only one of them. Throws Error(kInput): no such topic, several that
/// fit, of another type, or an address with a step.
LogTopic choose_log_topic(LogInput& input, Modality wanted);

/// What the pixels of a topic's first message are.
struct TopicContent {
  std::string encoding;  ///< "16UC1", "jpeg", ..
  bool is_map = false;   ///< measurements
  bool is_picture = false;
  std::uint32_t width = 0;  ///< pixels; 0 where a compressed picture has to be unpacked for it
  std::uint32_t height = 0;
};
/// Nothing for topics of no pictures, without messages, or in an encoding that isn't read.
std::optional<TopicContent> topic_content(RecordedLog& log, const LogTopic& topic);

/// The message that is nearest to the address's time (the first one without a time), of the
/// address's topic (the only one that fits without a topic). `wanted`: kImage, kThermal or kDepth.
/// Measurements where they are wanted and the message has some, else colours. Throws Error(kInput):
/// no such topic, several that fit, a time outside of the log, a message of another type.
std::variant<Image, ScalarMap> read_log_picture(LogInput& input, Modality wanted,
                                                const ImageLimits& limits);
/// The same for colours alone, and for measurements alone.
Image read_log_image(LogInput& input, const ImageLimits& limits);
ScalarMap read_log_map(LogInput& input, const ImageLimits& limits);

/// All messages of a topic of sensor_msgs/Imu, or those of the address's span. Two topics with a
/// '+' between them ("/accel+/gyro") are an accelerometer and a gyroscope that are recorded apart.
RawImu read_log_imu(LogInput& input);

}  // namespace pandagpt
