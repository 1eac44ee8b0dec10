// The tables of one recording -> accelerometer with gravity and gyroscope, sample by sample.
#pragma once

#include <string>
#include <vector>

#include "media/imu_raw.h"
#include "media/imu_table.h"

namespace pandagpt {

/// Of several accelerations the one with gravity is taken, or linear acceleration and gravity are
/// added. Sensors of different tables, and of different rows of a table, are joined by time. Throws
/// Error(kInput), "NAME: what; what to do": a sensor is missing, or there are two of one, or they
/// have no time in common.
RawImu join_tables(std::vector<ImuTable> tables, const std::string& name,
                   const ImuOptions& options);

}  // namespace pandagpt
