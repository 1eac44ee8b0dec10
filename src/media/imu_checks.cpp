#include "media/imu_checks.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/warnings.h"
#include "media/imu_physics.h"
#include "media/imu_times.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr double kDegree = std::numbers::pi / 180;
constexpr const char* kAccelerationUnit =
    " (--imu-accel-unit, in requests acceleration_unit: m/s2, g or mg)";
constexpr const char* kRotationUnit =
    " (--imu-gyro-unit, in requests rotation_unit: rad/s or deg/s)";

[[noreturn]] void fail(const ImuRecording& recording, const std::string& why) {
  throw Error(ErrorKind::kInput, recording.name + ": " + why);
}

/// Lengths of the vectors of three channels from `first` on.
std::vector<double> lengths_of(const ImuRecording& recording, int first) {
  std::vector<double> lengths;
  lengths.reserve(recording.samples.size());
  for (const auto& sample : recording.samples)
    lengths.push_back(std::hypot(sample[first], sample[first + 1], sample[first + 2]));
  return lengths;
}

GravityFinding gravity_of(const ImuRecording& recording, const ImuUnits& units) {
  GravityFinding finding = find_gravity(recording.samples, recording.step_seconds);
  if (units.rotation_is_known || !recording.has_gyroscope) return finding;
  const GravityFinding by_degrees =
      find_gravity(recording.samples, recording.step_seconds, kDegree);
  finding.mean_length = std::max(finding.mean_length, by_degrees.mean_length);
  return finding;
}

bool never_accelerates(const ImuRecording& recording) {
  const ImuSample& first = recording.samples.front();
  return std::ranges::all_of(recording.samples, [&](const ImuSample& sample) {
    return std::equal(first.begin(), first.begin() + 3, sample.begin());
  });
}

void check_gravity(ImuRecording& recording, const ImuUnits& units, const ImuOptions& options) {
  const GravityFinding found = gravity_of(recording, units);
  const std::string usual = short_number(found.usual_length);
  if (found.usual_length > 4 * kStandardGravity)
    fail(recording, "the accelerometer reads " + usual +
                        " m/s^2 most of the time, gravity is 9.8; give its unit" +
                        kAccelerationUnit);
  if (options.gravity == ImuGravity::kAbsent) {
    recording.report.add("gravity", "absent", "the option");
    return;
  }
  // A resting sensor shows gravity: 1 where it should be 9.8.
  const bool is_one = found.mean_length > 0.7 && found.mean_length < 1.4 && found.is_steady();
  if (is_one && !units.acceleration_is_known)
    fail(recording, "the accelerometer reads " + usual +
                        " most of the time, which looks like g, not m/s^2; give its unit" +
                        kAccelerationUnit);
  if (never_accelerates(recording)) return;  // judge_motion() says that it was off
  // A sensor that turns fast, whose rotations don't fit, has a short mean, but no short values.
  const bool has_short_values =
      found.usual_length < 0.6 * kStandardGravity || found.lowest_length < 0.4 * found.usual_length;
  if (found.mean_length < 0.5 * kStandardGravity && has_short_values)
    fail(recording,
         "gravity is missing: the acceleration is " + usual + " m/s^2 most of the time, " +
             short_number(found.mean_length) +
             " in the mean, where gravity is 9.8 (linear acceleration?); give the acceleration "
             "with gravity, or the columns or the file of gravity beside it; --imu-gravity absent "
             "(in requests gravity) takes it as it is");
  if (found.mean_length > 1.6 * kStandardGravity)
    warn(recording.name + ": the accelerometer reads " + short_number(found.mean_length) +
         " m/s^2 in the mean, gravity is 9.8; if its unit is another one, give it" +
         kAccelerationUnit);
  recording.report.add("gravity", "present",
                       short_number(found.mean_length) + " m/s^2 in the mean" +
                           (units.is_called_linear ? ", although it is called linear" : ""));
}

void check_possible(const ImuRecording& recording, bool rotation_is_known) {
  constexpr double kStrongest = 128 * kStandardGravity;  // twice what sensors reach
  constexpr double kFastest = 8000 * kDegree;            // rad/s, likewise
  constexpr double kFastestForLong = 360 * kDegree;      // a turn a second
  const double strongest = std::ranges::max(lengths_of(recording, 0));
  if (strongest > kStrongest)
    fail(recording, "accelerations of " + short_number(strongest) +
                        " m/s^2 can't be; give the unit of the accelerometer" + kAccelerationUnit);
  const std::vector<double> rotation = lengths_of(recording, 3);
  const double fastest = std::ranges::max(rotation);
  const double usual = median_of(rotation);
  if (fastest > kFastest || (usual > kFastestForLong && !rotation_is_known))
    fail(recording,
         "rotations of up to " + short_number(fastest) + " rad/s, and " + short_number(usual) +
             " most of the time, can't be; give the unit of the gyroscope" + kRotationUnit);
}

/// A rotation that nothing but the usual unit speaks for, or times that have none.
void check_rotation(const ImuRecording& recording, const ImuUnits& units) {
  constexpr double kNothingTurns = 0.02;  // rad/s: small in deg/s, too
  const RotationFinding found = compare_rotation(recording.samples, recording.step_seconds);
  const std::string time_is = "the times have no unit; " + units.time + " were taken, which is " +
                              short_number(1 / recording.step_seconds) + " Hz";
  const std::string name_time = "name the time column with its unit (time_s, time_ms, ..)";
  if (found.usual_speed < kNothingTurns || never_accelerates(recording)) {
    if (units.time_is_guess) warn(recording.name + ": " + time_is + "; if not, " + name_time);
    return;
  }
  if (found.contradicts()) {
    const std::string farther = "the rotations are " +
                                short_number(found.residual_as_rad / found.residual_as_deg) +
                                " times too large for what gravity's direction does";
    if (!units.rotation_is_known)
      fail(recording, farther + ": the gyroscope looks like deg/s, not rad/s; give its unit" +
                          kRotationUnit + (units.time_is_guess ? ", or " + name_time : ""));
    if (units.time_is_guess) fail(recording, farther + ", and " + time_is + "; " + name_time);
    warn(recording.name + ": " + farther + "; is " + units.rotation.name +
         " the unit of the gyroscope, and are the times right?");
    return;
  }
  const bool is_too_slow = found.correlation > 0.6 && found.scale > 3;
  if (is_too_slow && units.rotation_is_known)
    warn(recording.name + ": the rotations are " + short_number(found.scale) +
         " times too small for what gravity's direction does; is " + units.rotation.name +
         " the unit of the gyroscope, and are the times right?");
  else if (found.fits() && !is_too_slow)
    return;
  else if (!units.rotation_is_known)
    warn(recording.name +
         ": the gyroscope has no unit, and there is too little motion to tell it by; rad/s is "
         "taken; if it is deg/s, say so" +
         kRotationUnit);
  else if (units.time_is_guess)
    warn(recording.name + ": " + time_is + "; if not, " + name_time);
}

}  // namespace

void check_motion(ImuRecording& recording, const ImuUnits& units, const ImuOptions& options) {
  check_possible(recording, units.rotation_is_known);
  recording.report.add("acceleration in", units.acceleration.name, units.acceleration.why);
  if (recording.has_gyroscope)
    recording.report.add("rotation in", units.rotation.name, units.rotation.why);
  else
    recording.report.add("gyroscope", "none");
  check_gravity(recording, units, options);
  if (recording.has_gyroscope) {
    check_rotation(recording, units);
  } else if (units.time_is_guess) {
    warn(recording.name + ": the times have no unit; " + units.time +
         " were taken; if not, name the time column with its unit (time_s, time_ms, ..)");
  }
}

}  // namespace pandagpt
