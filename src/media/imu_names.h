// What the name of a column, or of a file, says about motion sensors: "AccelX (g)", "wz",
// "Shimmer_A1B2_Gyro_X_CAL", "motionUserAccelerationX(G)".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "media/imu_raw.h"

namespace pandagpt {

enum class ImuSensor {
  kAcceleration,        ///< with gravity, unless the numbers say otherwise
  kLinearAcceleration,  ///< without gravity, by its name
  kGravity,
  kRotation,
};
inline constexpr int kImuSensors = 4;

/// A column that holds an axis of a sensor.
struct AxisName {
  std::optional<ImuSensor> sensor;  ///< nothing: a bare axis, "X (m/s^2)"
  int axis = 0;                     ///< 0 to 2
  /// Of several columns for one axis the one with the lowest is meant: "Accel_LN" before
  /// "Accel_WR", calibrated before raw, "including gravity" first of all.
  int rank = 0;
  std::string place;                    ///< what else the name says ("left wrist"): one a sensor
  std::optional<StatedUnit> unit = {};  ///< by the name or what stands in brackets
  std::string unknown_unit = {};        ///< in brackets, and no unit of this sensor
};
std::optional<AxisName> read_axis_name(std::string_view column);

/// A column that holds times or counts samples.
struct TimeName {
  int rank = 0;                  ///< of several the one with the lowest is meant
  std::optional<double> unit;    ///< seconds
  bool is_counter = false;       ///< "Packet number", "Counter": no time
  bool unit_is_unknown = false;  ///< something else stands in the brackets
};
std::optional<TimeName> read_time_name(std::string_view column);

/// The sensor that a file's name tells: "Gyroscope.csv", "data_1600_accel_phone.txt".
struct FileSensor {
  ImuSensor sensor;
  int rank;  ///< as AxisName's
};
std::optional<FileSensor> sensor_of_file_name(std::string_view name);

/// What a table's name adds to its columns' ranks: an export's tables of a watch or of headphones
/// come after those of the phone.
int rank_of_file_name(std::string_view name);

/// "m/s^2", "g", "°/s": a unit that stands alone, of a sensor or a time.
std::optional<StatedUnit> read_acceleration_unit(std::string_view text);
std::optional<StatedUnit> read_rotation_unit(std::string_view text);
std::optional<double> read_time_unit(std::string_view text);

}  // namespace pandagpt
