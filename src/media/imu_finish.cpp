#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <utility>

#include "core/warnings.h"
#include "media/imu_raw.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// --- Rate and times ------------------------------------------------------------------------------

constexpr double kLowestRate = 5;        // Hz
constexpr double kHighestRate = 10'000;  // Hz

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::vector<double> steps_of(const std::vector<double>& times) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < times.size(); ++i)
    steps.push_back(times[i] - times[i - 1]);
  return steps;
}

/// The unit in which the usual step is one of a recording of 5 Hz to 10 kHz.
double guess_time_unit(double step, const std::string& name) {
  for (const double unit : {1.0, 1e-3, 1e-6, 1e-9})
    if (step * unit <= 1 / kLowestRate) return unit;
  fail(name, "the times are " + short_number(step) +
                 " apart, too far in every unit; name the time column with its unit (time_s, "
                 "time_ms, time_us, time_ns)");
}

void check_rate(double rate, const std::string& name) {
  if (!(rate >= kLowestRate && rate <= kHighestRate))
    fail(name, "a rate of " + short_number(rate) + " Hz is out of the range of " +
                   short_number(kLowestRate) + " to " + short_number(kHighestRate) +
                   " Hz; give the right one");
}

/// Times in seconds, for a file without them.
void set_times_by_rate(RawImu& raw, const ImuOptions& options, const std::string& name) {
  const std::optional<double> rate = raw.rate_hz ? raw.rate_hz : options.rate_hz;
  if (!rate)
    fail(name,
         "the rate is not known; give it in Hz (--imu-rate, in requests rate_hz), or add a "
         "time column to the table");
  if (raw.rate_hz && options.rate_hz && *raw.rate_hz != *options.rate_hz)
    fail(name, "the file says " + short_number(*raw.rate_hz) + " Hz, the option " +
                   short_number(*options.rate_hz) + " Hz; leave the option out");
  check_rate(*rate, name);
  for (std::size_t i = 0; i < raw.samples.size(); ++i)
    raw.times.push_back(static_cast<double>(i) / *rate);
  raw.time_unit = 1.0;
}

void convert_times(const RawImu& raw, ImuRecording& recording) {
  const std::string& name = recording.name;
  if (raw.times.size() < 2) fail(name, "one sample only; give a longer recording");
  const double step = median(steps_of(raw.times));
  if (!(step > 0)) fail(name, "the times don't rise; correct the time column");
  const double unit = raw.time_unit ? *raw.time_unit : guess_time_unit(step, name);
  check_rate(1 / (step * unit), name);
  recording.step_seconds = step * unit;
  const double first = raw.times.front();
  for (const double time : raw.times)
    recording.seconds.push_back((time - first) * unit);
}

void check_times(const ImuRecording& recording) {
  const std::vector<double>& seconds = recording.seconds;
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    const double step = seconds[i] - seconds[i - 1];
    if (step < 0)
      fail(recording.name, "the time runs backwards at sample " + std::to_string(i + 1) +
                               "; sort the table by time");
    if (step > kLongestImuGap)
      fail(recording.name, "nothing was recorded for " + short_number(step) + " s after " +
                               short_number(seconds[i - 1]) + " s; cut the recording there");
  }
}

// --- Rows that aren't numbers --------------------------------------------------------------------

void drop_missing(RawImu& raw, const std::string& name) {
  constexpr double kMostMissing = 0.1;  // of the rows
  const std::size_t count = raw.samples.size();
  const auto is_missing = [&](std::size_t i) {
    return !std::isfinite(raw.times[i]) ||
           !std::ranges::all_of(raw.samples[i], [](double value) { return std::isfinite(value); });
  };
  std::size_t missing = 0;
  std::size_t first_missing = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (is_missing(i) && missing++ == 0) first_missing = i;
  if (missing == 0) return;
  const std::string which = std::to_string(missing) + " of " + std::to_string(count) +
                            " rows are no numbers (the first is sample " +
                            std::to_string(first_missing + 1) + ")";
  if (static_cast<double>(missing) > kMostMissing * static_cast<double>(count))
    fail(name, which + "; give a recording without holes");
  warn(name + ": " + which + "; what lies between their neighbours is used");
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_missing(i)) continue;
    raw.samples[kept] = raw.samples[i];
    raw.times[kept++] = raw.times[i];
  }
  raw.samples.resize(kept);
  raw.times.resize(kept);
}

// --- Units -------------------------------------------------------------------------------------

/// The unit of a sensor by the file, else by the option, else `otherwise`.
template <typename Unit>
StatedUnit choose_unit(const std::optional<StatedUnit>& of_file, std::optional<Unit> option,
                       Unit otherwise, const char* sensor, const std::string& name) {
  const StatedUnit other = stated_unit(option.value_or(otherwise), option ? "the option" : "");
  if (of_file && option && of_file->factor != other.factor)
    fail(name, std::string("the file's unit of the ") + sensor + " is " + of_file->name +
                   ", the option's " + other.name + "; leave the option out");
  return of_file ? *of_file : other;
}

/// Lengths of the vectors of three channels from `first` on, after conversion.
std::vector<double> lengths_of(const ImuRecording& recording, int first) {
  std::vector<double> lengths;
  for (const auto& sample : recording.samples)
    lengths.push_back(std::hypot(sample[first], sample[first + 1], sample[first + 2]));
  return lengths;
}

constexpr const char* kAccelerationUnit =
    " (--imu-accel-unit, in requests acceleration_unit: m/s2, g or mg)";

/// Values that no sensor gives in the unit that was taken: the unit must be another one.
void check_plausible(const ImuRecording& recording, bool unit_is_stated) {
  constexpr double kStrongest = 128 * kStandardGravity;             // twice what sensors reach
  constexpr double kFastest = 8000 * std::numbers::pi / 180;        // rad/s, likewise
  constexpr double kFastestForLong = 360 * std::numbers::pi / 180;  // a turn a second
  const std::string& name = recording.name;
  const std::vector<double> acceleration = lengths_of(recording, 0);
  const double strongest = std::ranges::max(acceleration);
  const double usual = median(acceleration);
  if (strongest > kStrongest)
    fail(name, "accelerations of " + short_number(strongest) +
                   " m/s^2 can't be; give the unit of the accelerometer" + kAccelerationUnit);
  if (usual > 4 * kStandardGravity)
    fail(name, "the accelerometer reads " + short_number(usual) +
                   " m/s^2 most of the time, gravity is 9.8; give its unit" + kAccelerationUnit);
  // A resting sensor shows gravity: 1 where it should be 9.8.
  if (!unit_is_stated && usual > 0.5 && usual < 2)
    fail(name, "the accelerometer reads " + short_number(usual) +
                   " most of the time, which looks like g, not m/s^2; give its unit" +
                   kAccelerationUnit);
  const std::vector<double> rotation = lengths_of(recording, 3);
  const double fastest = std::ranges::max(rotation);
  if (fastest > kFastest || median(rotation) > kFastestForLong)
    fail(name,
         "rotations of up to " + short_number(fastest) + " rad/s, and " +
             short_number(median(rotation)) +
             " most of the time, can't be; give the unit of the gyroscope (--imu-gyro-unit, in "
             "requests rotation_unit: rad/s or deg/s)");
}

}  // namespace

StatedUnit stated_unit(AccelerationUnit unit, std::string why) {
  switch (unit) {
    case AccelerationUnit::kG:
      return {kStandardGravity, "g", std::move(why)};
    case AccelerationUnit::kMilliG:
      return {kStandardGravity / 1000, "mg", std::move(why)};
    case AccelerationUnit::kMetresPerSecondSquared:
      break;
  }
  return {1, "m/s2", std::move(why)};
}

StatedUnit stated_unit(RotationUnit unit, std::string why) {
  if (unit == RotationUnit::kDegreesPerSecond)
    return {std::numbers::pi / 180, "deg/s", std::move(why)};
  return {1, "rad/s", std::move(why)};
}

RawImu lone_accelerometer(const ImuTrack& acceleration) {
  RawImu raw;
  raw.times = acceleration.seconds;
  raw.time_unit = 1.0;
  raw.has_gyroscope = false;
  for (const auto& [x, y, z] : acceleration.values)
    raw.samples.push_back({x, y, z, 0, 0, 0});
  return raw;
}

RawImu join_tracks(const ImuTrack& acceleration, const ImuTrack& rotation,
                   const std::string& name) {
  RawImu raw;
  raw.time_unit = 1.0;
  std::size_t next = 1;  // of the gyroscope: the first sample that isn't before the moment
  const std::vector<double>& seconds = rotation.seconds;
  for (std::size_t i = 0; i < acceleration.seconds.size(); ++i) {
    const double time = acceleration.seconds[i];
    if (seconds.size() < 2 || !(time >= seconds.front() && time <= seconds.back())) continue;
    while (next + 1 < seconds.size() && seconds[next] < time)
      ++next;
    const double step = seconds[next] - seconds[next - 1];
    if (!(step >= 0))
      fail(name, "the gyroscope's time runs backwards at its sample " + std::to_string(next + 1) +
                     "; sort the table by time");
    if (step > kLongestImuGap)
      fail(name, "the gyroscope recorded nothing for " + short_number(step) +
                     " s; cut the recording there");
    const double share = step > 0 ? std::clamp((time - seconds[next - 1]) / step, 0.0, 1.0) : 0;
    const auto& [x, y, z] = acceleration.values[i];
    auto& sample = raw.samples.emplace_back(std::array<double, kImuChannels>{x, y, z, 0, 0, 0});
    for (int axis = 0; axis < 3; ++axis)
      sample[3 + axis] =
          std::lerp(rotation.values[next - 1][axis], rotation.values[next][axis], share);
    raw.times.push_back(time);
  }
  if (raw.samples.empty())
    fail(name, "accelerometer and gyroscope have no time in common; give files of one recording");
  return raw;
}

ImuRecording finish_imu(RawImu raw, const std::string& name, const ImuOptions& options) {
  ImuRecording recording;
  recording.name = name;
  recording.has_gyroscope = raw.has_gyroscope;
  if (!raw.has_gyroscope && !options.takes_accelerometer_alone)
    fail(name, "what is missing is the gyroscope; give a recording of both sensors");
  if (raw.samples.empty()) fail(name, "no samples; give a recording");
  if (raw.times.empty()) set_times_by_rate(raw, options, name);
  drop_missing(raw, name);
  convert_times(raw, recording);
  check_times(recording);

  const StatedUnit acceleration =
      choose_unit(raw.acceleration, options.acceleration, AccelerationUnit::kMetresPerSecondSquared,
                  "accelerometer", name);
  const StatedUnit rotation = choose_unit(raw.rotation, options.rotation,
                                          RotationUnit::kRadiansPerSecond, "gyroscope", name);
  for (const auto& sample : raw.samples) {
    auto& out = recording.samples.emplace_back();
    for (int channel = 0; channel < kImuChannels; ++channel)
      out[channel] = static_cast<float>(sample[channel] *
                                        (channel < 3 ? acceleration.factor : rotation.factor));
  }
  check_plausible(recording, raw.acceleration || options.acceleration);
  return recording;
}

}  // namespace pandagpt
