// A table of motion -> its sensors, with their times.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "media/imu_columns.h"
#include "media/imu_raw.h"
#include "media/imu_times.h"

namespace pandagpt {

/// One sensor of a table: a value for each row, NaN where there is none.
struct TableSensor {
  AxisColumns columns;
  std::vector<std::array<double, 3>> values;
};

struct ImuTable {
  std::string name;
  std::string format;
  std::vector<TableSensor> sensors;    ///< the ones that are meant first
  ImuTimes times;                      ///< of the rows; NaN where a row has none
  std::string missing = {};            ///< see ImuColumns
  std::optional<double> rate_hz = {};  ///< that the file states
  bool has_time_column = false;
  std::vector<double> counts = {};  ///< numbers of the samples; empty without
};

/// Reads the columns that matter. Throws Error(kInput), "NAME: what; what to do".
ImuTable read_imu_table(ByteView bytes, const std::string& name, const ImuOptions& options);

}  // namespace pandagpt
