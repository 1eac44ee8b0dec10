// What the columns of a table of motion are.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "media/imu_names.h"
#include "media/text_table.h"

namespace pandagpt {

/// Three columns of a table that are the axes of a sensor.
struct AxisColumns {
  ImuSensor sensor = ImuSensor::kAcceleration;
  std::array<std::size_t, 3> columns{};
  int rank = 0;            ///< see AxisName
  std::string names = {};  ///< as the header has them, for messages
  std::optional<StatedUnit> unit = {};
  std::string unknown_unit = {};
};

struct TimeColumn {
  std::size_t column = 0;
  TimeName name = {};
  std::string header = {};
};

struct ImuColumns {
  std::vector<AxisColumns> sensors;  ///< whole ones, the ones that are meant first
  std::vector<TimeColumn> times;     ///< likewise
  std::string missing = {};          ///< axes that a sensor lacks: "gyro_z"
  std::optional<double> rate_hz = {};
  std::string format = {};  ///< "CSV of Gyroflow"; empty: any table
  std::string device = {};
  std::size_t n_rows_before = 0;  ///< rows that are no samples

  bool has(ImuSensor sensor) const;
};

/// StatedUnit::name of a Gyroflow log's acceleration. The format says g; some programs write m/s^2.
inline constexpr const char* kScaledToG = "ascale g";

/// The header's words for TextTable.
const HeaderWords& imu_header_words();

/// Columns by the header, by what is known of files without one, or as `option` says
/// (SensorOptions::imu_columns). What the file's name says counts for bare axes ("x", "y", "z").
/// Throws Error(kInput), "NAME: what; what to do": a channel named twice, columns of one sensor in
/// different units, a table without a header that isn't known; Error(kUsage) for a wrong option.
ImuColumns find_imu_columns(const TextTable& table, const std::string& option);

/// The same for a table without a header, by its shape. Nothing if it isn't known.
std::optional<ImuColumns> known_layout(const TextTable& table);

/// The option "acc=3-5,gyro=6-8[,gravity=..][,time=1]" for a table of `n_columns`.
ImuColumns chosen_columns(const std::string& option, const TextTable& table);

}  // namespace pandagpt
