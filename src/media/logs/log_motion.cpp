// sensor_msgs/Imu of a robot's log -> a recording of motion.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <vector>

#include "media/logs/log_inputs.h"
#include "media/logs/ros_messages.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;
constexpr char kAnd = '+';  // between two topics; no topic's name has it

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

struct StampedImu {
  std::int64_t stamp_ns = 0;
  std::uint64_t time_ns = 0;
  RosImu imu;
};

struct ImuTopic {
  std::string name;
  std::vector<StampedImu> samples;  ///< by stamp_ns
  const char* clock = "";
  bool has_acceleration = true;
  bool has_rotation = true;
};

std::vector<StampedImu> collect(LogInput& input, const LogTopic& topic) {
  const LogAddress& address = input.address;
  const std::uint64_t from = log_time_of(input, address.from.value_or(0));
  const std::uint64_t until =
      address.until
          ? from + static_cast<std::uint64_t>((*address.until - address.from.value_or(0)) *
                                              kNanosecondsPerSecond)
          : UINT64_MAX;
  std::vector<StampedImu> samples;
  visit_topic(*input.log, topic, from, until, [&](const LogMessage& message) {
    if (samples.size() >= kMaxImuSamples)
      fail(input.name, fmt::format("more than {} samples; give a part of it: {}#{}@0-600",
                                   kMaxImuSamples, address.file, topic.name));
    const RosImu imu = read_ros_imu(message.data, topic.encoding, input.name);
    samples.push_back({imu.stamp_ns, message.time_ns, imu});
    return true;
  });
  if (samples.empty())
    fail(input.name, topic.name + " has no messages" + (address.from ? " at that time" : ""));
  return samples;
}

/// The times of the measurements; those of the recorder where the driver stated none.
const char* set_clock(std::vector<StampedImu>& samples) {
  const bool has_stamps =
      std::ranges::all_of(samples, [](const StampedImu& sample) { return sample.stamp_ns > 0; });
  if (!has_stamps)
    for (StampedImu& sample : samples)
      sample.stamp_ns = static_cast<std::int64_t>(sample.time_ns);
  std::ranges::stable_sort(samples, {}, &StampedImu::stamp_ns);
  return has_stamps ? "the messages' own" : "the recorder's: the messages have none";
}

/// A sensor that is always zero isn't there either, whatever the message says: drivers with a topic
/// for each sensor leave the other one so.
bool has(const std::vector<StampedImu>& samples, bool RosImu::*is_there,
         std::array<double, 3> RosImu::*values) {
  return std::ranges::any_of(samples, [&](const StampedImu& sample) {
    return sample.imu.*is_there && sample.imu.*values != std::array<double, 3>{};
  });
}

ImuTopic read_topic(LogInput& input, const std::string& name) {
  input.address.topic = name;
  const LogTopic topic = choose_log_topic(input, Modality::kImu);
  ImuTopic result{topic.name, collect(input, topic)};
  result.clock = set_clock(result.samples);
  result.has_acceleration = has(result.samples, &RosImu::has_acceleration, &RosImu::acceleration);
  result.has_rotation = has(result.samples, &RosImu::has_rotation, &RosImu::rotation);
  return result;
}

double seconds_since(std::int64_t origin_ns, const StampedImu& sample) {
  return static_cast<double>(sample.stamp_ns - origin_ns) / kNanosecondsPerSecond;
}

RawImu from_one(const ImuTopic& topic, const LogInput& input) {
  if (!topic.has_acceleration)
    fail(input.name, fmt::format("{} has no acceleration, only the gyroscope; give the "
                                 "accelerometer's topic, too: {}#/ACCELEROMETER{}{}",
                                 topic.name, input.address.file, kAnd, topic.name));
  RawImu raw;
  raw.has_gyroscope = topic.has_rotation;
  for (const StampedImu& sample : topic.samples) {
    const auto& [ax, ay, az] = sample.imu.acceleration;
    const auto& [gx, gy, gz] = sample.imu.rotation;
    raw.times.push_back(seconds_since(topic.samples.front().stamp_ns, sample));
    raw.samples.push_back({ax, ay, az, gx, gy, gz});
  }
  return raw;
}

ImuTrack track_of(const ImuTopic& topic, std::array<double, 3> RosImu::*values,
                  std::int64_t origin_ns) {
  ImuTrack track;
  for (const StampedImu& sample : topic.samples) {
    track.seconds.push_back(seconds_since(origin_ns, sample));
    track.values.push_back(sample.imu.*values);
  }
  return track;
}

RawImu from_two(const ImuTopic& one, const ImuTopic& other, const std::string& name) {
  const ImuTopic& acceleration = one.has_acceleration ? one : other;
  const ImuTopic& rotation = &acceleration == &one ? other : one;
  if (!acceleration.has_acceleration || !rotation.has_rotation)
    fail(name, fmt::format("of {} and {} one must have the acceleration and the other the rotation",
                           one.name, other.name));
  const std::int64_t origin_ns = acceleration.samples.front().stamp_ns;
  return join_tracks(track_of(acceleration, &RosImu::acceleration, origin_ns),
                     track_of(rotation, &RosImu::rotation, origin_ns), name);
}

}  // namespace

RawImu read_log_imu(LogInput& input) {
  const std::string topics = input.address.topic;
  const std::size_t middle = topics.find(kAnd);
  const ImuTopic first = read_topic(input, topics.substr(0, middle));
  RawImu raw;
  std::string shown = first.name;
  if (middle == std::string::npos) {
    raw = from_one(first, input);
  } else {
    const ImuTopic second = read_topic(input, topics.substr(middle + 1));
    raw = from_two(first, second, input.name);
    shown += " and " + second.name;
  }
  raw.time_unit = 1;
  raw.acceleration = stated_unit(AccelerationUnit::kMetresPerSecondSquared, "of sensor_msgs/Imu");
  raw.rotation = stated_unit(RotationUnit::kRadiansPerSecond, "of sensor_msgs/Imu");
  raw.report.format = input.log->format();
  raw.report.add("topic", shown, topics.empty() ? "the only one that fits" : "");
  raw.report.add("message", kRosImu);
  raw.report.add("times", first.clock);
  return raw;
}

}  // namespace pandagpt
