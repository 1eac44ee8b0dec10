// Steps of somebody who walks or runs with the sensor.
#pragma once

#include <optional>

#include "facts/motion_signal.h"

namespace pandagpt {

struct Steps {
  double count = 0;       ///< of both feet
  double per_minute = 0;  ///< cadence: the median while walking
  double seconds = 0;     ///< of walking
};

/// By what comes back in windows of four seconds. A sensor on the body feels both feet in the
/// length of its acceleration; one on an arm or a leg swings once for two steps, which its rotation
/// shows. Whatever repeats itself as strongly and as fast as steps (pedals, skipping) is counted
/// like them. Nothing where nothing does, and for less than three seconds of it.
std::optional<Steps> find_steps(const MotionGrid& grid);

}  // namespace pandagpt
