#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/warnings.h"
#include "media/imu_checks.h"
#include "media/imu_raw.h"
#include "media/imu_times.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
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

// --- Rate and times ------------------------------------------------------------------------------

/// The samples' times; rows that aren't numbers are dropped from `raw`.
ImuTimes find_times(RawImu& raw, const ImuOptions& options, const std::string& name) {
  const std::string option = options.rate_hz ? short_number(*options.rate_hz) + " Hz" : "";
  if (raw.times.empty()) {
    const std::optional<double> rate = raw.rate_hz ? raw.rate_hz : options.rate_hz;
    if (!rate)
      fail(name, std::string(raw.counts.empty() ? "" : "its numbers count samples, and ") +
                     "the rate is not known; give it in Hz (--imu-rate, in requests rate_hz), or "
                     "add a time column to the table");
    if (raw.rate_hz && options.rate_hz && *raw.rate_hz != *options.rate_hz)
      fail(name, "the file says " + short_number(*raw.rate_hz) + " Hz, the option (--imu-rate) " +
                     option + "; leave the option out");
    ImuTimes times = times_by_rate(raw.samples.size(), raw.counts, *rate, name);
    raw.times = times.seconds;
    drop_missing(raw, name);
    times.seconds = raw.times;
    times.why = raw.rate_hz ? "the file's own" : "the option";
    return times;
  }
  drop_missing(raw, name);
  ImuTimes times = times_of_column(raw.times, raw.time_unit,
                                   options.rate_hz ? options.rate_hz : raw.rate_hz, name);
  if (!raw.time_why.empty()) times.why = raw.time_why;
  times.is_guess |= raw.time_is_guess;
  const std::string found = "the times say " + short_number(1 / times.step) + " Hz, ";
  if (options.rate_hz && !has_rate(times, *options.rate_hz))
    fail(name, found + "the option (--imu-rate, in requests rate_hz) " + option +
                   "; leave it out, or correct the times");
  if (raw.rate_hz && !has_rate(times, *raw.rate_hz))
    warn(name + ": " + found + "the file's own note " + short_number(*raw.rate_hz) +
         " Hz; the times are used");
  return times;
}

void check_gaps(const ImuRecording& recording) {
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

// --- Units ---------------------------------------------------------------------------------------

/// The unit of a sensor by the file, else by the option, else `otherwise`.
template <typename Unit>
StatedUnit choose_unit(const std::optional<StatedUnit>& of_file, std::optional<Unit> option,
                       Unit otherwise, const char* sensor, const std::string& name) {
  const StatedUnit other =
      stated_unit(option.value_or(otherwise), option ? "the option" : "assumed");
  if (of_file && option && of_file->factor != other.factor)
    fail(name, std::string("the file's unit of the ") + sensor + " is " + of_file->name +
                   ", the option's " + other.name + "; leave the option out");
  return of_file ? *of_file : other;
}

/// The values of another sensor at `time`, between its own by straight lines.
class OtherSensor {
 public:
  OtherSensor(const ImuTrack& track, const char* sensor, const std::string& name)
      : track_(track), sensor_(sensor), name_(name) {}

  bool covers(double time) const {
    return track_.seconds.size() >= 2 && time >= track_.seconds.front() &&
           time <= track_.seconds.back();
  }

  /// Of times that rise.
  std::array<double, 3> at(double time) {
    const std::vector<double>& seconds = track_.seconds;
    while (next_ + 1 < seconds.size() && seconds[next_] < time)
      ++next_;
    const double step = seconds[next_] - seconds[next_ - 1];
    if (!(step >= 0))
      fail(name_, std::string("the ") + sensor_ + "'s time runs backwards at its sample " +
                      std::to_string(next_ + 1) + "; sort the table by time");
    if (step > kLongestImuGap)
      fail(name_, std::string("the ") + sensor_ + " recorded nothing for " + short_number(step) +
                      " s; cut the recording there");
    const double share = step > 0 ? std::clamp((time - seconds[next_ - 1]) / step, 0.0, 1.0) : 0;
    std::array<double, 3> value{};
    for (int axis = 0; axis < 3; ++axis)
      value[axis] = std::lerp(track_.values[next_ - 1][axis], track_.values[next_][axis], share);
    return value;
  }

 private:
  const ImuTrack& track_;
  const char* sensor_;
  const std::string& name_;
  std::size_t next_ = 1;
};

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
  raw.samples.reserve(acceleration.values.size());
  for (const auto& [x, y, z] : acceleration.values)
    raw.samples.push_back({x, y, z, 0, 0, 0});
  return raw;
}

RawImu join_tracks(const ImuTrack& acceleration, const ImuTrack& rotation,
                   const std::string& name) {
  RawImu raw;
  raw.time_unit = 1.0;
  OtherSensor gyroscope(rotation, "gyroscope", name);
  for (std::size_t i = 0; i < acceleration.seconds.size(); ++i) {
    const double time = acceleration.seconds[i];
    if (!gyroscope.covers(time)) continue;
    const auto& [x, y, z] = acceleration.values[i];
    const auto [wx, wy, wz] = gyroscope.at(time);
    raw.samples.push_back({x, y, z, wx, wy, wz});
    raw.times.push_back(time);
  }
  if (raw.samples.size() < 2)
    fail(name, "accelerometer and gyroscope have no time in common; give files of one recording");
  return raw;
}

ImuTrack sum_of_tracks(const ImuTrack& linear, const ImuTrack& gravity, const std::string& name) {
  ImuTrack sum;
  OtherSensor other(gravity, "gravity", name);
  for (std::size_t i = 0; i < linear.seconds.size(); ++i) {
    const double time = linear.seconds[i];
    if (!other.covers(time)) continue;
    const std::array<double, 3> pull = other.at(time);
    auto& value = sum.values.emplace_back(linear.values[i]);
    for (int axis = 0; axis < 3; ++axis)
      value[axis] += pull[axis];
    sum.seconds.push_back(time);
  }
  if (sum.values.size() < 2)
    fail(name, "acceleration and gravity have no time in common; give files of one recording");
  return sum;
}

ImuRecording finish_imu(RawImu raw, const std::string& name, const ImuOptions& options) {
  if (raw.samples.empty()) fail(name, "no samples; give a recording");
  if (raw.samples.size() > kMaxImuSamples)
    fail(name, "more than " + std::to_string(kMaxImuSamples) + " samples; cut the recording");
  if (!raw.has_gyroscope && !options.takes_accelerometer_alone)
    fail(name,
         "what is missing is the gyroscope (columns gyro_x, gyro_y, gyro_z): the model was trained "
         "with both sensors; give a recording or the file of it, too (--imu ACC.csv,GYRO.csv)");
  ImuRecording recording;
  recording.name = name;
  recording.has_gyroscope = raw.has_gyroscope;
  recording.report = std::move(raw.report);
  ImuTimes times = find_times(raw, options, name);
  if (raw.samples.size() < 2) fail(name, "one sample only; give a longer recording");
  recording.step_seconds = times.step;
  recording.seconds = std::move(times.seconds);
  const double first = recording.seconds.front();
  for (double& time : recording.seconds)
    time -= first;
  check_gaps(recording);

  ImuUnits units{
      .acceleration = choose_unit(raw.acceleration, options.acceleration,
                                  AccelerationUnit::kMetresPerSecondSquared, "accelerometer", name),
      .rotation = choose_unit(raw.rotation, options.rotation, RotationUnit::kRadiansPerSecond,
                              "gyroscope", name),
      .acceleration_is_known = raw.acceleration || options.acceleration,
      .rotation_is_known = raw.rotation || options.rotation,
      .time = raw.time_unit_name.empty() ? times.unit : raw.time_unit_name,
      .time_is_guess = times.is_guess,
      .is_called_linear = raw.is_linear};
  recording.samples.reserve(raw.samples.size());
  for (const auto& sample : raw.samples) {
    auto& out = recording.samples.emplace_back();
    for (int channel = 0; channel < kImuChannels; ++channel)
      out[channel] = static_cast<float>(
          sample[channel] * (channel < 3 ? units.acceleration.factor : units.rotation.factor));
  }
  recording.report.add("rate", short_number(1 / times.step) + " Hz", times.why);
  recording.report.add("length", short_number(recording.duration()) + " s",
                       std::to_string(recording.samples.size()) + " samples");
  check_motion(recording, units, options);
  return recording;
}

}  // namespace pandagpt
