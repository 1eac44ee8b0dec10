// What all readers of motion give on: numbers as they stand in a file, which finish_imu() judges
// and turns into SI units. Tables, arrays, devices' binary files and robots' logs end here.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "media/imu.h"
#include "media/input_report.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// More samples than this are refused before memory is taken: 28 hours at 100 a second.
inline constexpr std::size_t kMaxImuSamples = 10'000'000;

/// Seconds without a sample that are bridged.
inline constexpr double kLongestImuGap = 0.5;

/// A unit that a file states.
struct StatedUnit {
  double factor = 1;  ///< what one of it is in m/s^2 or rad/s
  std::string name;   ///< "g", "deg/s"
  std::string why;    ///< where it is stated: "the header"
};
StatedUnit stated_unit(AccelerationUnit unit, std::string why);
StatedUnit stated_unit(RotationUnit unit, std::string why);

/// Numbers as they stand in a file.
struct RawImu {
  /// Accelerometer x, y, z, then gyroscope x, y, z; NaN is no value.
  std::vector<std::array<double, kImuChannels>> samples;
  std::vector<double> times;             ///< of each sample, in some unit; empty: by the rate
  std::optional<double> time_unit = {};  ///< seconds; found from the steps where it isn't stated
  std::string time_why = {};             ///< where times and unit are from: "column time_ms"
  bool time_is_guess = false;            ///< `time_unit` was found from the steps
  std::string time_unit_name = {};       ///< "ms", for messages, where `times` are seconds already
  std::vector<double> counts = {};       ///< numbers of the samples, where the file counts them
  std::optional<double> rate_hz = {};    ///< that the file states
  std::optional<StatedUnit> acceleration = {};
  std::optional<StatedUnit> rotation = {};
  bool has_gyroscope = true;  ///< false: the last three channels are zeros
  bool is_linear = false;     ///< the file calls the acceleration linear: without gravity
  InputReport report = {};    ///< format, device, and what the reader knows; finish_imu() adds
};

/// One sensor's three axes with times of its own, on a clock that all tracks of a recording share.
struct ImuTrack {
  std::vector<double> seconds;
  std::vector<std::array<double, 3>> values;
};

/// Samples and times of two sensors that were recorded apart: the gyroscope's values at the
/// accelerometer's times, between its own by straight lines, over the span that both have. Throws
/// Error(kInput), "NAME: what; what to do": no common span, times of the gyroscope that run
/// backwards or have a gap of more than kLongestImuGap in that span.
RawImu join_tracks(const ImuTrack& acceleration, const ImuTrack& rotation, const std::string& name);
/// Linear acceleration plus gravity, at the first one's times and in the same way.
ImuTrack sum_of_tracks(const ImuTrack& linear, const ImuTrack& gravity, const std::string& name);
/// The accelerometer alone.
RawImu lone_accelerometer(const ImuTrack& acceleration);

/// Rate, units and gravity are checked against each other and the options, and what is wrong
/// refused: Error(kInput), "NAME: what; what to do". What was taken for what is in the report.
ImuRecording finish_imu(RawImu raw, const std::string& name, const ImuOptions& options);

}  // namespace pandagpt
