#include "media/imu_recording.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "media/imu_physics.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

using Values = std::vector<std::array<double, 3>>;

bool is_number(const std::array<double, 3>& value) {
  return std::isfinite(value[0]) && std::isfinite(value[1]) && std::isfinite(value[2]);
}

/// A sensor and the table that it stands in.
struct Place {
  ImuTable* table = nullptr;
  TableSensor* sensor = nullptr;

  bool is_there() const { return sensor != nullptr; }
  const AxisColumns& columns() const { return sensor->columns; }
  /// For messages and the report.
  std::string text() const { return columns().names + " of " + table->name; }
};

std::vector<Place> places_of(std::vector<ImuTable>& tables, ImuSensor sensor) {
  std::vector<Place> places;
  for (ImuTable& table : tables)
    for (TableSensor& one : table.sensors)
      if (one.columns.sensor == sensor) places.push_back({&table, &one});
  std::ranges::stable_sort(places, {}, [](const Place& one) { return one.columns().rank; });
  return places;
}

/// The one that is meant; none if there is none.
Place best_of(const std::vector<Place>& places, const char* what, const std::string& name) {
  if (places.empty()) return {};
  if (places.size() > 1 && places[0].columns().rank == places[1].columns().rank)
    fail(name, std::string("has two ") + what + " (" + places[0].text() + "; " + places[1].text() +
                   "); give the files or the columns that are meant (--imu-columns "
                   "acc=3-5,gyro=6-8,time=1)");
  return places.front();
}

// --- Gravity -------------------------------------------------------------------------------------

/// The unit of a sensor of acceleration, in m/s^2; 1 if it isn't known.
double factor_of(const Place& place, const ImuOptions& options) {
  if (place.columns().unit) return place.columns().unit->factor;
  return options.acceleration ? stated_unit(*options.acceleration, "").factor : 1;
}

/// Usual seconds between two rows.
double step_of(const ImuTable& table, const ImuOptions& options) {
  if (table.has_time_column) return table.times.step;
  const std::optional<double> rate = table.rate_hz ? table.rate_hz : options.rate_hz;
  return rate && *rate > 0 ? 1 / *rate : 0.01;
}

/// Whether gravity is among the values, or is all of them, as far as can be said of one sensor.
bool has_gravity(const Place& place, const ImuOptions& options) {
  std::vector<ImuSample> samples;
  for (const std::array<double, 3>& value : place.sensor->values)
    if (is_number(value))
      samples.push_back({static_cast<float>(value[0]), static_cast<float>(value[1]),
                         static_cast<float>(value[2]), 0, 0, 0});
  if (samples.empty()) return false;
  const GravityFinding found = find_gravity(samples, step_of(*place.table, options));
  const bool is_known = place.columns().unit || options.acceleration;
  if (!is_known && found.mean_length > 0.7 && found.mean_length < 1.4 && found.is_steady())
    return true;  // g
  const double factor = factor_of(place, options);
  return found.mean_length * factor > 0.5 * kStandardGravity ||
         (found.usual_length * factor > 0.6 * kStandardGravity &&
          found.lowest_length > 0.4 * found.usual_length);
}

/// Gravity's own columns tell their unit by their length.
void find_unit_of_gravity(Place& gravity) {
  std::optional<StatedUnit>& unit = gravity.sensor->columns.unit;
  if (unit) return;
  std::vector<double> lengths;
  for (const auto& [x, y, z] : gravity.sensor->values)
    if (const double length = std::hypot(x, y, z); std::isfinite(length)) lengths.push_back(length);
  if (lengths.empty()) return;
  const double usual = median_of(lengths);
  for (const AccelerationUnit one : {AccelerationUnit::kMetresPerSecondSquared,
                                     AccelerationUnit::kG, AccelerationUnit::kMilliG}) {
    const StatedUnit candidate = stated_unit(one, "the length of gravity");
    if (std::abs(usual * candidate.factor / kStandardGravity - 1) < 0.1) unit = candidate;
  }
}

// --- Joining -------------------------------------------------------------------------------------

std::vector<double> seconds_of(const ImuTable& table, std::size_t n_rows, const ImuOptions& options,
                               const std::string& name) {
  if (table.has_time_column) return table.times.seconds;
  const std::optional<double> rate = table.rate_hz ? table.rate_hz : options.rate_hz;
  if (!rate)
    fail(name,
         "the rate is not known; give it in Hz (--imu-rate, in requests rate_hz), or add a "
         "time column to " +
             table.name);
  return times_by_rate(n_rows, table.counts, *rate, table.name).seconds;
}

/// Rows in which the sensor has nothing, if they lie between others: a log whose rows are of one
/// sensor each. Holes are another matter (finish_imu).
bool is_interleaved(const Values& values) {
  std::size_t present = 0;
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const auto& value : values) {
    run = is_number(value) ? 0 : run + 1;
    present += run == 0;
    longest = std::max(longest, run);
  }
  if (present == 0 || 10 * present > 9 * values.size()) return false;
  const std::size_t rows_a_sample = (values.size() + present - 1) / present;
  return longest <= 2 * rows_a_sample + 2;
}

ImuTrack track_of(const Place& place, const ImuOptions& options, const std::string& name) {
  const Values& values = place.sensor->values;
  const std::vector<double> seconds = seconds_of(*place.table, values.size(), options, name);
  const bool may_skip = is_interleaved(values);
  ImuTrack track;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(seconds[i]) || (may_skip && !is_number(values[i]))) continue;
    track.seconds.push_back(seconds[i]);
    track.values.push_back(values[i]);
  }
  return track;
}

/// Rows of a table in which one of two sensors has nothing, but the other has.
bool has_rows_of_one_sensor(const Values& one, const Values& other) {
  constexpr double kHoles = 0.1;  // at most this share are holes of both
  std::size_t apart = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    apart += is_number(one[i]) != is_number(other[i]);
  return static_cast<double>(apart) > kHoles * static_cast<double>(one.size());
}

/// Both sensors row by row, or one of them.
RawImu rows_of(const Place& acceleration, const Place& rotation) {
  RawImu raw;
  const ImuTable& table = *acceleration.table;
  const Values& values = acceleration.sensor->values;
  raw.samples.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::ranges::copy(values[i], raw.samples[i].begin());
    if (rotation.is_there())
      std::ranges::copy(rotation.sensor->values[i], raw.samples[i].begin() + 3);
  }
  if (table.has_time_column) {
    raw.times = table.times.seconds;
    raw.time_unit = 1.0;
  }
  raw.counts = table.counts;
  raw.has_gyroscope = rotation.is_there();
  return raw;
}

/// Acceleration of a recording, chosen or added up.
struct Acceleration {
  Place place;
  std::optional<Place> gravity = {};  ///< to be added
  bool is_linear = false;
};

Acceleration choose_acceleration(std::vector<ImuTable>& tables, const std::string& name,
                                 const ImuOptions& options) {
  const std::vector<Place> plain = places_of(tables, ImuSensor::kAcceleration);
  const std::vector<Place> linear = places_of(tables, ImuSensor::kLinearAcceleration);
  Place gravity = best_of(places_of(tables, ImuSensor::kGravity), "directions of gravity", name);
  std::vector<Place> with;
  std::ranges::copy_if(plain, std::back_inserter(with),
                       [&](const Place& one) { return has_gravity(one, options); });
  if (!with.empty() && options.gravity == ImuGravity::kPresent)
    return {best_of(with, "accelerometers", name)};
  const Place without = plain.empty() ? best_of(linear, "linear accelerations", name)
                        : linear.empty() || options.gravity == ImuGravity::kPresent
                            ? best_of(plain, "accelerometers", name)
                            : best_of(linear, "linear accelerations", name);
  if (!without.is_there() || !gravity.is_there() || options.gravity == ImuGravity::kAbsent)
    return {without, {}, plain.empty()};
  find_unit_of_gravity(gravity);
  if (!without.sensor->columns.unit) without.sensor->columns.unit = gravity.columns().unit;
  return {without, gravity, false};
}

void add_gravity_of_rows(const Acceleration& acceleration) {
  const Values& pull = acceleration.gravity->sensor->values;
  const double factor = acceleration.gravity->columns().unit.value_or(StatedUnit{}).factor /
                        acceleration.place.columns().unit.value_or(StatedUnit{}).factor;
  Values& values = acceleration.place.sensor->values;
  for (std::size_t i = 0; i < values.size(); ++i)
    for (int axis = 0; axis < 3; ++axis)
      values[i][axis] += factor * pull[i][axis];
}

std::string missing_text(const std::vector<ImuTable>& tables) {
  std::string missing;
  for (const ImuTable& table : tables)
    if (!table.missing.empty()) missing += (missing.empty() ? "" : "; ") + table.missing;
  return missing;
}

std::optional<StatedUnit> checked_unit(const AxisColumns& columns, bool has_option,
                                       const std::string& name) {
  if (!columns.unit && !columns.unknown_unit.empty() && !has_option)
    fail(name, "columns \"" + columns.names + "\": the unit \"" +
                   columns.unknown_unit.substr(0, 40) +
                   "\" isn't known; m/s^2, g and mg are for the accelerometer (--imu-accel-unit), "
                   "rad/s and deg/s for the gyroscope (--imu-gyro-unit)");
  return columns.unit;
}

RawImu join(const Acceleration& acceleration, const Place& rotation, const std::string& name,
            const ImuOptions& options) {
  const bool is_one_table = !rotation.is_there() || rotation.table == acceleration.place.table;
  const bool is_gravity_apart =
      acceleration.gravity && acceleration.gravity->table != acceleration.place.table;
  if (acceleration.gravity && !is_gravity_apart) add_gravity_of_rows(acceleration);
  const bool is_apart =
      is_one_table && rotation.is_there() &&
      has_rows_of_one_sensor(acceleration.place.sensor->values, rotation.sensor->values) &&
      (is_interleaved(acceleration.place.sensor->values) ||
       is_interleaved(rotation.sensor->values));
  if (is_one_table && !is_gravity_apart && !is_apart) return rows_of(acceleration.place, rotation);
  ImuTrack track = track_of(acceleration.place, options, name);
  if (is_gravity_apart) {
    ImuTrack pull = track_of(*acceleration.gravity, options, name);
    const double factor = acceleration.gravity->columns().unit.value_or(StatedUnit{}).factor /
                          acceleration.place.columns().unit.value_or(StatedUnit{}).factor;
    for (auto& value : pull.values)
      for (double& axis : value)
        axis *= factor;
    track = sum_of_tracks(track, pull, name);
  }
  return rotation.is_there() ? join_tracks(track, track_of(rotation, options, name), name)
                             : lone_accelerometer(track);
}

}  // namespace

RawImu join_tables(std::vector<ImuTable> tables, const std::string& name,
                   const ImuOptions& options) {
  const Acceleration acceleration = choose_acceleration(tables, name, options);
  const Place rotation = best_of(places_of(tables, ImuSensor::kRotation), "gyroscopes", name);
  const std::string missing = missing_text(tables);
  if (!acceleration.place.is_there())
    fail(name, (rotation.is_there() ? "what is missing is the accelerometer; "
                                    : "columns are missing: " + missing + "; ") +
                   "name the columns in the header (acc_x .. gyro_z), or say which they are "
                   "(--imu-columns acc=3-5,gyro=6-8,time=1)");
  if (!rotation.is_there() && !missing.empty())
    fail(name, "columns are missing: " + missing +
                   "; name them in the header, or say which they are (--imu-columns)");
  RawImu raw = join(acceleration, rotation, name, options);
  raw.acceleration =
      checked_unit(acceleration.place.columns(), options.acceleration.has_value(), name);
  if (rotation.is_there())
    raw.rotation = checked_unit(rotation.columns(), options.rotation.has_value(), name);
  const ImuTable& table = *acceleration.place.table;
  raw.time_why = table.has_time_column ? table.times.why : "";
  raw.time_unit_name = table.has_time_column ? table.times.unit : "";
  raw.time_is_guess = table.has_time_column && table.times.is_guess;
  raw.rate_hz = table.rate_hz;
  raw.is_linear = acceleration.is_linear;
  raw.report.format = table.format.empty() ? "table" : table.format;
  const auto named = [&](const Place& place) {
    return tables.size() > 1 ? place.text() : place.columns().names;
  };
  raw.report.add("acceleration", named(acceleration.place),
                 acceleration.gravity ? "plus gravity: " + named(*acceleration.gravity) : "");
  if (rotation.is_there()) raw.report.add("rotation", named(rotation));
  return raw;
}

}  // namespace pandagpt
