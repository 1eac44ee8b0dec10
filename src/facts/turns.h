// Turns about the vertical, and jumps.
#pragma once

#include <vector>

#include "facts/motion_signal.h"
#include "media/imu.h"

namespace pandagpt {

/// A turn about the vertical, seen from above.
struct BodyTurn {
  double seconds = 0;  ///< when it began
  double degrees = 0;  ///< positive: to the left
};

/// The rotation about the direction of gravity, without the gyroscope's offset while it was still,
/// averaged over `smoothing` seconds (a stride, of somebody who walks). A turn is what goes on in
/// one direction with more than 10 degrees a second, and comes to 45 degrees and more. None without
/// gravity: then nothing says what is vertical.
std::vector<BodyTurn> find_turns(const MotionGrid& grid, const std::vector<bool>& still,
                                 double smoothing);

/// A free fall with an impact at its end: a jump, or the sensor was dropped.
struct Flight {
  double begin = 0;    ///< seconds
  double seconds = 0;  ///< how long it lasted
};

/// Less than 0.4 g for 0.2 to 1.2 s, and more than 1.8 g within 0.3 s after it. (The flights of
/// somebody who runs are shorter.) None without gravity.
std::vector<Flight> find_flights(const ImuRecording& recording, bool has_gravity);

}  // namespace pandagpt
