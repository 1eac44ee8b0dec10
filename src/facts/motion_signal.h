// A recording of motion on an even time grid, and what its measurements have in common.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "media/imu.h"
#include "media/vector3.h"

namespace pandagpt {

/// At most kGridRate samples a second; what is denser is averaged, so that impacts don't alias.
struct MotionGrid {
  double step = 0;                    ///< seconds
  std::vector<Vector3> acceleration;  ///< m/s^2
  std::vector<Vector3> rotation;      ///< rad/s
  bool has_gravity = false;           ///< its median length is that of a body that isn't falling

  std::size_t size() const { return acceleration.size(); }
  double seconds() const { return step * double(size()); }
  /// How many steps of the grid last so long, at least one.
  std::size_t steps_in(double seconds) const;
};

inline constexpr double kGridRate = 50;  // Hz: steps have nothing above 20

MotionGrid motion_grid(const ImuRecording& recording);

/// Mean over `width` values around each; fewer at the ends.
std::vector<double> smoothed(std::span<const double> values, std::size_t width);

/// The series along its axis of largest variance, about the mean.
std::vector<double> along_main_axis(std::span<const Vector3> series);

double deviation_of(std::span<const double> values);

/// The lag at which a series comes back to itself, by its normalised autocorrelation.
struct Period {
  double lag = 0;       ///< in steps of the series; 0: it doesn't
  double strength = 0;  ///< of the autocorrelation there, at most 1
};
/// The shortest lag from `shortest` to `longest` whose peak reaches kAlmost of the highest one:
/// longer ones are its multiples.
Period period_of(std::span<const double> values, std::size_t shortest, std::size_t longest);
/// The autocorrelation's highest value within a fifth of `lag`.
double strength_at(std::span<const double> values, double lag);

/// Which half seconds of the grid were without motion: the length of the acceleration and the
/// rotation hardly change, and the rotation is slow. One flag a sample.
std::vector<bool> still_samples(const MotionGrid& grid);

}  // namespace pandagpt
