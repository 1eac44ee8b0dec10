// What an accelerometer and a gyroscope must have in common, if their numbers are what they are
// taken for: gravity stays where it is while the sensor turns.
#pragma once

#include <array>
#include <span>

#include "media/imu.h"

namespace pandagpt {

using ImuSample = std::array<float, kImuChannels>;

/// How much of the accelerometer's values is gravity. Over two seconds the acceleration of a thing
/// that goes nowhere fast has the mean 0, and what remains is gravity.
struct GravityFinding {
  /// The usual length of the mean over two seconds, in the accelerometer's unit: of the values as
  /// they are, or as the gyroscope turns them back, whichever is longer.
  double mean_length = 0;
  double usual_length = 0;   ///< median length of the values
  double lowest_length = 0;  ///< that 5 % of the values don't reach
  /// Most of what is measured stays where it is, as gravity does.
  bool is_steady() const { return mean_length > 0.6 * usual_length; }
};
/// Rotations in rad/s after `rotation_factor`. `samples` aren't empty.
GravityFinding find_gravity(std::span<const ImuSample> samples, double step_seconds,
                            double rotation_factor = 1);

/// How gravity's direction and the gyroscope's rotations fit each other. While the sensor turns by
/// w, the direction u of gravity in its axes changes by -w x u.
struct RotationFinding {
  /// By what the rotations are to be multiplied to explain the changes best: 1 if all is as it
  /// seems, 0.0175 if they are in deg/s.
  double scale = 0;
  double correlation = 0;      ///< of the changes with the rotations, -1 to 1
  double residual_as_rad = 0;  ///< what rotations in rad/s leave unexplained, radians in 0.5 s
  double residual_as_deg = 0;  ///< the same with rotations in deg/s
  double usual_speed = 0;      ///< root of the mean square of the rotations, as they stand there
  /// Rotations in rad/s fit what the accelerometer says. Of 2,122 recordings of phones, watches and
  /// sensors on wrists and thighs, the two residuals' quotient is below 6.0 in all that are in
  /// rad/s and above 24.7 in all in deg/s (bench/imu_units.py).
  bool fits() const {
    const bool is_explained = correlation > 0.4 && scale > 0.4 && scale < 2.5;
    return is_explained || (residual_as_deg > 0.1 && residual_as_rad < 6 * residual_as_deg);
  }
  /// They would have turned gravity much farther than the accelerometer has seen; 0.1 radians in
  /// half a second may be the gyroscope's own error.
  bool contradicts() const {
    return residual_as_rad > 0.1 && residual_as_rad > 12 * residual_as_deg;
  }
};
/// Rotations as if they were in rad/s.
RotationFinding compare_rotation(std::span<const ImuSample> samples, double step_seconds);

}  // namespace pandagpt
