// Recordings of an inertial measurement unit: accelerometer and gyroscope, three axes each.
//
// - Tables as text: what loggers, phones and data sets write (docs/modalities.md), in one file or
// in
//   one for each sensor, also as a folder or a zip archive.
// - NPY: (samples, 6) or (6, samples): accelerometer x, y, z, then gyroscope x, y, z. The rate is
//   an option.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"
#include "media/input_report.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// What a file doesn't say itself; where it does, a different value here is an error.
struct ImuOptions {
  std::optional<double> rate_hz = {};  ///< samples a second, for files without a time column
  std::optional<AccelerationUnit> acceleration = {};  ///< default m/s^2
  std::optional<RotationUnit> rotation = {};          ///< default rad/s
  ImuGravity gravity = ImuGravity::kPresent;
  std::string columns = {};  ///< SensorOptions::imu_columns
  /// Whether the tower was trained with recordings that have no gyroscope; else they are refused.
  bool takes_accelerometer_alone = false;
};

inline constexpr int kImuChannels = 6;
inline constexpr double kStandardGravity = 9.80665;  ///< m/s^2

/// In SI units, with rising times and without gaps in the numbers.
struct ImuRecording {
  std::string name;             ///< of the file, for messages
  std::vector<double> seconds;  ///< of each sample, from 0 on
  /// Accelerometer x, y, z in m/s^2, then gyroscope x, y, z in rad/s.
  std::vector<std::array<float, kImuChannels>> samples;
  double step_seconds = 0;    ///< usual time between two samples
  bool has_gyroscope = true;  ///< false: its channels are zeros
  InputReport report = {};

  /// From the first sample to the end of the last.
  double duration() const { return seconds.empty() ? 0 : seconds.back() + step_seconds; }
};

/// Reads one recording. `name` stands for the buffer in messages; for a table whose columns are
/// only called x, y and z, it tells the sensor ("Gyroscope.csv"). Throws Error(kInput), "NAME:
/// what; what to do": missing columns, no rate, times that run backwards, a gap of more than half a
/// second, many rows that aren't numbers, values that can't be in their unit, no gravity.
ImuRecording decode_imu(ByteView bytes, const std::string& name, const ImuOptions& options = {});

/// One file of a recording.
struct ImuFile {
  std::string name;
  ByteView bytes;
};
/// The same of a recording whose sensors have a table each: joined by time.
ImuRecording decode_imu(std::span<const ImuFile> files, const ImuOptions& options = {});

/// The same from numbers at hand: [samples, 6], channels as in ImuRecording, units and rate by
/// `options`.
ImuRecording imu_from_values(std::span<const double> values, const std::string& name,
                             const ImuOptions& options);

/// Reads a file, standard input when `path` is "-", or a folder with a table for each sensor.
ImuRecording load_imu(const std::filesystem::path& path, const ImuOptions& options = {});

/// Reads an input: its file or buffer, and its parts.
ImuRecording load_imu(const Input& input, const ImuOptions& options = {});

}  // namespace pandagpt
