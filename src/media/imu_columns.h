// What the header of a table says about its columns.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "media/csv.h"
#include "media/imu.h"

namespace pandagpt {

/// Where things stand in a table, and in which units.
struct ImuColumns {
  std::array<std::size_t, kImuChannels> channels{};  ///< columns, in ImuRecording's order
  std::optional<std::size_t> time;
  std::optional<double> time_unit;  ///< seconds
  std::optional<double> rate_hz;    ///< of a comment line
  std::optional<AccelerationUnit> acceleration;
  std::optional<RotationUnit> rotation;
};

/// Throws Error(kInput) if columns are missing, named twice, or of different units.
ImuColumns find_imu_columns(const CsvTable& table, const std::string& name);

}  // namespace pandagpt
