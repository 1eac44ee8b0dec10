#include "media/imu_columns.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/ascii.h"
#include "media/imu_times.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const TextTable& table, const std::string& why) {
  throw Error(ErrorKind::kInput, table.name() + ": " + why);
}

constexpr const char* kSensorNames[kImuSensors] = {"acc", "linear", "gravity", "gyro"};

/// A column's name with its unit, which may stand in a line of its own.
std::string full_name(const TextTable& table, std::size_t column) {
  const std::string& name = table.header()[column];
  if (table.units().empty() || table.units()[column].empty()) return name;
  return name + " (" + table.units()[column] + ")";
}

// --- By the header -------------------------------------------------------------------------------

/// The columns of one sensor in one place, by axis.
struct Axes {
  std::array<std::optional<std::size_t>, 3> columns;
  std::array<AxisName, 3> names;

  bool is_whole() const { return columns[0] && columns[1] && columns[2]; }
};

class ColumnFinder {
 public:
  explicit ColumnFinder(const TextTable& table)
      : table_(table), of_file_(sensor_of_file_name(table.name())) {}

  ImuColumns find() {
    for (std::size_t i = 0; i < table_.header().size(); ++i)
      read(i, full_name(table_, i));
    for (int sensor = 0; sensor < kImuSensors; ++sensor)
      collect(static_cast<ImuSensor>(sensor));
    std::ranges::stable_sort(found_.sensors, {}, &AxisColumns::rank);
    std::ranges::stable_sort(found_.times, {}, [](const TimeColumn& one) { return one.name.rank; });
    return std::move(found_);
  }

 private:
  using Key = std::tuple<ImuSensor, int, std::string>;  // sensor, rank, place

  void read(std::size_t column, const std::string& name) {
    if (std::optional<AxisName> axis = read_axis_name(name)) {
      if (!axis->sensor && of_file_) {
        axis->sensor = of_file_->sensor;
        axis->rank = of_file_->rank;
      }
      if (!axis->sensor) return;
      axis->rank += rank_of_file_name(table_.name());
      Axes& axes = axes_[Key(*axis->sensor, axis->rank, axis->place)];
      std::optional<std::size_t>& place = axes.columns[axis->axis];
      if (place)
        fail(table_, "columns \"" + table_.header()[*place] + "\" and \"" +
                         table_.header()[column] +
                         "\" are the same channel; keep one of them, or choose (--imu-columns "
                         "acc=3-5,gyro=6-8)");
      place = column;
      axes.names[axis->axis] = *axis;
    } else if (const std::optional<TimeName> time = read_time_name(name)) {
      found_.times.push_back({column, *time, table_.header()[column]});
    }
  }

  void collect(ImuSensor sensor) {
    Axes together;  // of places that are only spelled differently
    bool is_single = true;
    bool is_found = false;
    for (const auto& [key, axes] : axes_) {
      if (std::get<ImuSensor>(key) != sensor) continue;
      if (axes.is_whole()) {
        add(sensor, axes);
        is_found = true;
        continue;
      }
      for (int axis = 0; axis < 3; ++axis) {
        if (!axes.columns[axis]) continue;
        is_single &= !together.columns[axis];
        together.columns[axis] = axes.columns[axis];
        together.names[axis] = axes.names[axis];
      }
    }
    if (is_found) return;
    if (together.is_whole() && is_single) return add(sensor, together);
    const bool is_begun = together.columns[0] || together.columns[1] || together.columns[2];
    for (int axis = 0; axis < 3 && is_begun; ++axis)
      if (!together.columns[axis])
        found_.missing += std::string(found_.missing.empty() ? "" : ", ") +
                          kSensorNames[static_cast<int>(sensor)] + "_" + "xyz"[axis];
  }

  void add(ImuSensor sensor, const Axes& axes) {
    AxisColumns columns{.sensor = sensor};
    for (int axis = 0; axis < 3; ++axis) {
      const AxisName& name = axes.names[axis];
      columns.columns[axis] = *axes.columns[axis];
      columns.rank = std::max(columns.rank, name.rank);
      columns.names += (axis == 0 ? "" : ", ") + table_.header()[*axes.columns[axis]];
      if (!name.unknown_unit.empty()) columns.unknown_unit = name.unknown_unit;
      if (!name.unit) continue;
      if (columns.unit && columns.unit->factor != name.unit->factor)
        fail(table_, "column \"" + table_.header()[*axes.columns[axis]] +
                         "\" has another unit than those before it; use one unit");
      columns.unit = name.unit;
    }
    found_.sensors.push_back(std::move(columns));
  }

  const TextTable& table_;
  const std::optional<FileSensor> of_file_;
  std::map<Key, Axes> axes_;
  ImuColumns found_;
};

// --- Notes ---------------------------------------------------------------------------------------

std::optional<double> rate_of(const TextTable& table) {
  for (const char* key : {"rate", "ratehz", "samplerate", "sampleratehz", "samplingrate",
                          "samplingratehz", "samplefrequency", "samplingfrequency", "updaterate",
                          "outputrate", "frequency", "fs", "fshz", "odr", "datarate"})
    if (const auto found = table.notes().find(key); found != table.notes().end())
      if (const double rate = std::strtod(found->second.c_str(), nullptr); rate > 0) return rate;
  static const std::regex kSentence(R"((?:at|with|sampled at|rate of) (\d+(?:\.\d+)?) ?hz)");
  for (const std::string& line : table.preamble()) {
    std::smatch match;
    const std::string lower = ascii_lower(line.substr(0, 400));
    if (std::regex_search(lower, match, kSentence))
      return std::strtod(match[1].str().c_str(), nullptr);
  }
  return std::nullopt;
}

/// "accelerometer: g", "Accelerometer in m/s^2, gyroscope in rad/s" in a comment.
void read_units(const TextTable& table, ImuColumns& columns) {
  std::optional<StatedUnit> acceleration;
  std::optional<StatedUnit> rotation;
  const auto take = [&](const std::string& key, const std::string& value) {
    const std::optional<FileSensor> sensor = sensor_of_file_name(key);
    if (!sensor) return;
    if (sensor->sensor == ImuSensor::kRotation && !rotation) rotation = read_rotation_unit(value);
    if (sensor->sensor == ImuSensor::kAcceleration && !acceleration)
      acceleration = read_acceleration_unit(value);
  };
  for (const auto& [key, value] : table.notes())
    take(key, value);
  static const std::regex kSentence(R"(([A-Za-z]+) in ([^\s,;]+))");
  for (const std::string& line : table.preamble()) {
    const std::string part = line.substr(0, 400);
    for (std::sregex_iterator at(part.begin(), part.end(), kSentence), end; at != end; ++at)
      take((*at)[1], (*at)[2]);
  }
  for (AxisColumns& one : columns.sensors) {
    const std::optional<StatedUnit>& unit =
        one.sensor == ImuSensor::kRotation ? rotation : acceleration;
    if (!unit) continue;
    if (one.unit && one.unit->factor != unit->factor)
      fail(table, "columns \"" + one.names + "\" are in " + one.unit->name +
                      ", a line before them says " + unit->name + "; correct one of them");
    one.unit = StatedUnit{unit->factor, unit->name, "a line before the table"};
  }
}

std::optional<double> number_note(const TextTable& table, const char* key) {
  const auto found = table.notes().find(key);
  if (found == table.notes().end()) return std::nullopt;
  const double value = std::strtod(found->second.c_str(), nullptr);
  return value > 0 ? std::optional(value) : std::nullopt;
}

/// Gyroflow's .gcsv: whole numbers, whose scales stand before the table.
void read_gyroflow_scales(const TextTable& table, ImuColumns& columns) {
  const bool is_gyroflow =
      !table.preamble().empty() && table.preamble().front().find("IMU LOG") != std::string::npos;
  if (!is_gyroflow) return;
  columns.format = "Gyroflow IMU log";
  for (AxisColumns& one : columns.sensors) {
    const bool is_rotation = one.sensor == ImuSensor::kRotation;
    if (const auto scale = number_note(table, is_rotation ? "gscale" : "ascale"))
      one.unit = StatedUnit{is_rotation ? *scale : *scale * kStandardGravity,
                            is_rotation ? "gscale rad/s" : kScaledToG, "the log's scale"};
  }
  if (const auto scale = number_note(table, "tscale"))
    for (TimeColumn& time : columns.times)
      time.name.unit = *scale;
}

/// Xsens' own clock ticks in 0.1 ms in its MTi and MTw, in us in its DOT.
void set_fine_time(const TextTable& table, TimeColumn& time) {
  constexpr double kShortestInDot = 2000;  // us
  time.name.rank = 18;
  std::vector<double> values;
  for (const auto& row : table.first_rows())
    if (time.column < row.size())
      if (const auto value = read_cell(row[time.column], table.comma_is_decimal()))
        values.push_back(*value);
  if (values.size() < 2 || time.name.unit) return;
  const double step = (values.back() - values.front()) / static_cast<double>(values.size() - 1);
  time.name.unit = step > kShortestInDot ? 1e-6 : 1e-4;
}

/// Units that a logger's documentation gives, and its header doesn't.
struct Logger {
  std::string_view name;
  std::string_view mark;  ///< in its header, and in no other's
  bool is_in_g = false;
  std::optional<RotationUnit> rotation = {};
};
constexpr auto kRadians = RotationUnit::kRadiansPerSecond;
constexpr Logger kLoggers[] = {
    {"EuRoC MAV or TUM-VI", "w_RS_S_x"},
    {"Shimmer", "Shimmer"},
    {"SensorLog", "loggingTime", true, kRadians},
    {"SensorLog", "motionUserAcceleration", true, kRadians},
    {"Sensor Logger", "seconds_elapsed", false, kRadians},
    {"Physics Toolbox", "gFx", false, kRadians},
    {"MotionSense", "userAcceleration.x", true, kRadians},
    {"Ego4D", "canonical_timestamp_ms", false, kRadians},
    {"AndroSensor", "ACCELEROMETER X", false, kRadians},
    {"WitMotion", "ChipTime"},
    {"Xsens", "SampleTimeFine"},
    {"ROS topic", "linear_acceleration", false, kRadians},
    {"HHAR", "Creation_Time", false, kRadians},
};

void name_logger(const TextTable& table, ImuColumns& columns) {
  std::string all;
  for (const std::string& name : table.header())
    all += name + "|";
  Logger found;
  for (const Logger& one : kLoggers)
    if (found.name.empty() && all.find(one.mark) != std::string::npos) found = one;
  const bool is_actigraph = std::ranges::any_of(table.preamble(), [](const std::string& line) {
    return line.find("ActiGraph") != std::string::npos;
  });
  if (is_actigraph) found = {"ActiGraph", "", true, RotationUnit::kDegreesPerSecond};
  if (columns.format.empty()) columns.format = found.name;
  const std::string why = std::string(found.name) + "'s documentation";
  for (AxisColumns& one : columns.sensors) {
    if (one.unit) continue;
    if (one.sensor != ImuSensor::kRotation && found.is_in_g)
      one.unit = stated_unit(AccelerationUnit::kG, why);
    if (one.sensor == ImuSensor::kRotation && found.rotation)
      one.unit = stated_unit(*found.rotation, why);
  }
  for (TimeColumn& time : columns.times)
    if (squeezed(time.header) == "sampletimefine") set_fine_time(table, time);
}

/// ActiLife's exports of counts look like those of accelerations.
void refuse_counts(const TextTable& table) {
  for (const std::string& line : table.preamble()) {
    const std::size_t at = line.find("Epoch Period (hh:mm:ss)");
    if (at == std::string::npos) continue;
    const std::optional<double> seconds = read_clock(line.substr(at + 23));
    if (seconds && *seconds > 0)
      fail(table, "counts of activity in " + short_number(*seconds) +
                      " s each, no acceleration; export the raw data");
  }
}

}  // namespace

bool ImuColumns::has(ImuSensor sensor) const {
  return std::ranges::any_of(sensors, [&](const AxisColumns& one) { return one.sensor == sensor; });
}

const HeaderWords& imu_header_words() {
  static const HeaderWords kWords{
      .is_column =
          [](std::string_view name) {
            return read_axis_name(name).has_value() || read_time_name(name).has_value();
          },
      .is_unit =
          [](std::string_view text) {
            return read_acceleration_unit(text) || read_rotation_unit(text) || read_time_unit(text);
          }};
  return kWords;
}

ImuColumns find_imu_columns(const TextTable& table, const std::string& option) {
  refuse_counts(table);
  ImuColumns columns;
  if (!option.empty()) {
    columns = chosen_columns(option, table);
  } else if (!table.header().empty()) {
    columns = ColumnFinder(table).find();
  } else if (std::optional<ImuColumns> known = known_layout(table)) {
    columns = *known;
  } else {
    fail(table, "a table of " + std::to_string(table.n_columns()) +
                    " columns without a header; name the columns in its first line (time, acc_x, "
                    "acc_y, acc_z, gyro_x, gyro_y, gyro_z), or say which they are (--imu-columns "
                    "acc=3-5,gyro=6-8,time=1)");
  }
  if (!columns.rate_hz) columns.rate_hz = rate_of(table);
  read_gyroflow_scales(table, columns);
  read_units(table, columns);
  name_logger(table, columns);
  return columns;
}

}  // namespace pandagpt
