#include "media/imu.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <utility>

#include "core/warnings.h"
#include "media/imu_columns.h"
#include "media/npy.h"
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

/// Numbers as they stand in a file.
struct RawImu {
  std::vector<std::array<double, kImuChannels>> samples;
  std::vector<double> times;        ///< in some unit; empty without a time column
  std::optional<double> time_unit;  ///< seconds
  std::optional<double> rate_hz;
  std::optional<AccelerationUnit> acceleration;
  std::optional<RotationUnit> rotation;
};

// --- Rate and times ------------------------------------------------------------------------------

constexpr double kLowestRate = 5;        // Hz
constexpr double kHighestRate = 10'000;  // Hz
constexpr double kLongestGap = 0.5;      // s

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
    if (step > kLongestGap)
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

constexpr double kGravity = 9.80665;  // m/s^2

double factor_of(AccelerationUnit unit) {
  switch (unit) {
    case AccelerationUnit::kG:
      return kGravity;
    case AccelerationUnit::kMilliG:
      return kGravity / 1000;
    case AccelerationUnit::kMetresPerSecondSquared:
      break;
  }
  return 1;
}

double factor_of(RotationUnit unit) {
  return unit == RotationUnit::kDegreesPerSecond ? std::numbers::pi / 180 : 1;
}

template <typename Unit>
Unit choose_unit(std::optional<Unit> of_file, std::optional<Unit> option, Unit otherwise,
                 const char* sensor, const std::string& name) {
  if (of_file && option && *of_file != *option)
    fail(name, std::string("the file names another unit of the ") + sensor +
                   " than the option; leave the option out");
  return of_file ? *of_file : option ? *option : otherwise;
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
  constexpr double kStrongest = 128 * kGravity;                     // twice what sensors reach
  constexpr double kFastest = 8000 * std::numbers::pi / 180;        // rad/s, likewise
  constexpr double kFastestForLong = 360 * std::numbers::pi / 180;  // a turn a second
  const std::string& name = recording.name;
  const std::vector<double> acceleration = lengths_of(recording, 0);
  const double strongest = std::ranges::max(acceleration);
  const double usual = median(acceleration);
  if (strongest > kStrongest)
    fail(name, "accelerations of " + short_number(strongest) +
                   " m/s^2 can't be; give the unit of the accelerometer" + kAccelerationUnit);
  if (usual > 4 * kGravity)
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

ImuRecording finish(RawImu raw, const std::string& name, const ImuOptions& options) {
  ImuRecording recording;
  recording.name = name;
  if (raw.samples.empty()) fail(name, "no samples; give a recording");
  if (raw.times.empty()) set_times_by_rate(raw, options, name);
  drop_missing(raw, name);
  convert_times(raw, recording);
  check_times(recording);

  const AccelerationUnit acceleration =
      choose_unit(raw.acceleration, options.acceleration, AccelerationUnit::kMetresPerSecondSquared,
                  "accelerometer", name);
  const RotationUnit rotation = choose_unit(raw.rotation, options.rotation,
                                            RotationUnit::kRadiansPerSecond, "gyroscope", name);
  for (const auto& sample : raw.samples) {
    auto& out = recording.samples.emplace_back();
    for (int channel = 0; channel < kImuChannels; ++channel)
      out[channel] = static_cast<float>(
          sample[channel] * (channel < 3 ? factor_of(acceleration) : factor_of(rotation)));
  }
  check_plausible(recording, raw.acceleration || options.acceleration);
  return recording;
}

// --- Files -------------------------------------------------------------------------------------

RawImu from_csv(ByteView bytes, const std::string& name) {
  const CsvTable table = decode_csv(bytes, name);
  const ImuColumns columns = find_imu_columns(table, name);
  RawImu raw;
  raw.time_unit = columns.time_unit;
  raw.rate_hz = columns.rate_hz;
  raw.acceleration = columns.acceleration;
  raw.rotation = columns.rotation;
  for (std::size_t row = 0; row < table.n_rows(); ++row) {
    const double* cells = &table.values[row * table.n_columns];
    auto& sample = raw.samples.emplace_back();
    for (int channel = 0; channel < kImuChannels; ++channel)
      sample[channel] = cells[columns.channels[channel]];
    if (columns.time) raw.times.push_back(cells[*columns.time]);
  }
  return raw;
}

RawImu from_npy(ByteView bytes, const std::string& name) {
  const NpyArray array = decode_npy(bytes, name);
  const bool rows_are_samples = array.shape.size() == 2 && array.shape[1] == kImuChannels;
  const bool rows_are_channels = array.shape.size() == 2 && array.shape[0] == kImuChannels;
  if (!rows_are_samples && !rows_are_channels)
    fail(name, "the array has the shape " + npy_shape_text(array.shape) +
                   ", (samples, 6) or (6, samples) was expected: accelerometer x, y, z, gyroscope "
                   "x, y, z");
  const auto count = static_cast<std::size_t>(rows_are_samples ? array.shape[0] : array.shape[1]);
  RawImu raw;
  raw.samples.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t channel = 0; channel < kImuChannels; ++channel)
      raw.samples[i][channel] =
          array.values[rows_are_samples ? i * kImuChannels + channel : channel * count + i];
  return raw;
}

}  // namespace

ImuRecording decode_imu(ByteView bytes, const std::string& name, const ImuOptions& options) {
  if (bytes.empty()) fail(name, "the file is empty; give a recording");
  return finish(is_npy(bytes) ? from_npy(bytes, name) : from_csv(bytes, name), name, options);
}

ImuRecording imu_from_values(std::span<const double> values, const std::string& name,
                             const ImuOptions& options) {
  if (values.size() % kImuChannels != 0)
    fail(name, std::to_string(values.size()) +
                   " values are no rows of six; give accelerometer x, "
                   "y, z, gyroscope x, y, z of each sample");
  RawImu raw;
  raw.samples.resize(values.size() / kImuChannels);
  for (std::size_t i = 0; i < values.size(); ++i)
    raw.samples[i / kImuChannels][i % kImuChannels] = values[i];
  return finish(std::move(raw), name, options);
}

ImuRecording load_imu(const std::filesystem::path& path, const ImuOptions& options) {
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_imu(read_file(path, kMaxCsvBytes), name, options);
}

}  // namespace pandagpt
