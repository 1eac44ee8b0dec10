// Whether the numbers of a motion recording can be what they are taken for.
#pragma once

#include <string>

#include "media/imu_raw.h"

namespace pandagpt {

/// What a recording's numbers were taken for.
struct ImuUnits {
  StatedUnit acceleration;
  StatedUnit rotation;
  bool acceleration_is_known = false;  ///< stated by the file or the user; else m/s^2 is assumed
  bool rotation_is_known = false;      ///< else rad/s is assumed
  std::string time;                    ///< unit of the times
  bool time_is_guess = false;
  bool is_called_linear = false;
};

/// Holds accelerometer and gyroscope against gravity and against each other, and writes what was
/// found into the recording's report. Throws Error(kInput), "NAME: what; what to do": values that
/// no sensor gives, no gravity unless `options` say so, another unit than the one that was assumed.
/// Warns of what can't be decided, and of what is stated and doesn't fit.
void check_motion(ImuRecording& recording, const ImuUnits& units, const ImuOptions& options);

}  // namespace pandagpt
