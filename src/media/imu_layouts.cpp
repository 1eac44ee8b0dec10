// Tables without a header: the data sets that are spread so, and the columns that a user names.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "media/imu_columns.h"
#include "media/imu_times.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Row = std::vector<std::string>;

std::optional<double> cell_of(const TextTable& table, std::size_t row, std::size_t column) {
  const Row& cells = table.first_rows()[row];
  if (column >= cells.size()) return std::nullopt;
  return read_cell(cells[column], table.comma_is_decimal());
}

bool is_numeric(const TextTable& table, std::size_t column) {
  for (std::size_t row = 0; row < table.first_rows().size(); ++row)
    if (column < table.first_rows()[row].size() && !cell_of(table, row, column)) return false;
  return true;
}

bool is_clock(const TextTable& table, std::size_t column) {
  return std::ranges::all_of(table.first_rows(), [&](const Row& cells) {
    return column < cells.size() && read_clock(cells[column]).has_value();
  });
}

/// Rises from row to row.
bool is_rising(const TextTable& table, std::size_t column) {
  double before = -INFINITY;
  for (std::size_t row = 0; row < table.first_rows().size(); ++row) {
    const std::optional<double> value = cell_of(table, row, column);
    if (!value || !(*value > before)) return false;
    before = *value;
  }
  return true;
}

bool all_numeric(const TextTable& table) {
  for (std::size_t column = 0; column < table.n_columns(); ++column)
    if (!is_numeric(table, column)) return false;
  return true;
}

/// Numbers between `low` and `high` in the first rows that have any in the column.
bool is_between(const TextTable& table, std::size_t column, double low, double high) {
  bool has_any = false;
  for (std::size_t row = 0; row < table.first_rows().size(); ++row) {
    const std::optional<double> value = cell_of(table, row, column);
    if (!value || std::isnan(*value)) continue;
    if (*value < low || *value > high) return false;
    has_any = true;
  }
  return has_any;
}

AxisColumns axes(ImuSensor sensor, std::size_t first, std::optional<StatedUnit> unit = {}) {
  AxisColumns columns{.sensor = sensor, .columns = {first, first + 1, first + 2}};
  columns.names = "columns " + std::to_string(first + 1) + " to " + std::to_string(first + 3);
  columns.unit = std::move(unit);
  return columns;
}

TimeColumn time_column(std::size_t column, std::optional<double> unit = {}) {
  TimeColumn time{.column = column};
  time.name.unit = unit;
  time.header = "column " + std::to_string(column + 1);
  return time;
}

StatedUnit si(AccelerationUnit unit, const char* data_set) {
  return stated_unit(unit, std::string(data_set) + "'s documentation");
}

StatedUnit si(RotationUnit unit, const char* data_set) {
  return stated_unit(unit, std::string(data_set) + "'s documentation");
}

constexpr auto kMetres = AccelerationUnit::kMetresPerSecondSquared;
constexpr auto kRadians = RotationUnit::kRadiansPerSecond;

/// 54 columns: seconds, activity, heart rate, then 17 each of hand, chest and ankle.
std::optional<ImuColumns> pamap2(const TextTable& table) {
  constexpr std::size_t kColumns = 54;
  if (table.n_columns() != kColumns || !is_rising(table, 0) || !is_between(table, 3, 10, 60))
    return std::nullopt;
  ImuColumns columns;
  columns.format =
      "PAMAP2, its sensor on the hand (chest: --imu-columns acc=22-24,gyro=28-30,"
      "time=1; ankle: acc=39-41,gyro=45-47)";
  columns.times = {time_column(0, 1.0)};
  columns.sensors = {axes(ImuSensor::kAcceleration, 4, si(kMetres, "PAMAP2")),
                     axes(ImuSensor::kRotation, 10, si(kRadians, "PAMAP2"))};
  return columns;
}

/// 24 columns: chest, two leads of an ECG, left ankle, right arm, a label from 0 to 12.
std::optional<ImuColumns> mhealth(const TextTable& table) {
  constexpr std::size_t kColumns = 24;
  constexpr double kRate = 50;
  if (table.n_columns() != kColumns || !is_between(table, 23, 0, 12)) return std::nullopt;
  ImuColumns columns;
  columns.format =
      "mHealth, its sensor on the left ankle (right arm: --imu-columns "
      "acc=15-17,gyro=18-20)";
  columns.rate_hz = kRate;
  columns.sensors = {axes(ImuSensor::kAcceleration, 5, si(kMetres, "mHealth")),
                     axes(ImuSensor::kRotation, 8, si(RotationUnit::kDegreesPerSecond, "mHealth"))};
  return columns;
}

/// 30 columns of KITTI's oxts: latitude, longitude, .., acceleration x y z, f l u, rotation ..
std::optional<ImuColumns> kitti(const TextTable& table) {
  constexpr std::size_t kColumns = 30;
  if (table.n_columns() != kColumns || !is_between(table, 0, -90, 90) ||
      !is_between(table, 1, -180, 180) || !is_between(table, 13, 5, 15))
    return std::nullopt;
  ImuColumns columns;
  columns.format = "KITTI oxts";
  columns.sensors = {axes(ImuSensor::kAcceleration, 11, si(kMetres, "KITTI")),
                     axes(ImuSensor::kRotation, 17, si(kRadians, "KITTI"))};
  return columns;
}

/// Empatica's ACC.csv: when it begins, the rate, then 1/64 g.
std::optional<ImuColumns> empatica(const TextTable& table) {
  constexpr double kCountsPerG = 64;
  if (table.n_columns() != 3 || table.first_rows().size() < 3) return std::nullopt;
  const auto is_same = [&](std::size_t row) {
    return cell_of(table, row, 0) == cell_of(table, row, 1) &&
           cell_of(table, row, 1) == cell_of(table, row, 2);
  };
  const double begin = cell_of(table, 0, 0).value_or(0);
  const double rate = cell_of(table, 1, 0).value_or(0);
  if (!is_same(0) || !is_same(1) || begin < 1e9 || begin > 4e9 || rate < 1 || rate > 1000)
    return std::nullopt;
  ImuColumns columns;
  columns.format = "Empatica E4";
  columns.rate_hz = rate;
  columns.n_rows_before = 2;
  columns.sensors = {axes(ImuSensor::kAcceleration, 0,
                          StatedUnit{kStandardGravity / kCountsPerG, "g/64", "Empatica's format"})};
  return columns;
}

/// Three axes at the end of the rows, of the sensor that the file's name tells: WISDM's, HAPT's and
/// other files of one sensor, with a label, a user and a time before them. WISDM's first set has no
/// such name, but rows of its own form.
std::optional<ImuColumns> one_sensor(const TextTable& table) {
  std::vector<std::size_t> numeric;
  ImuColumns columns;
  for (std::size_t column = 0; column < table.n_columns(); ++column) {
    if (is_numeric(table, column)) numeric.push_back(column);
    if (is_clock(table, column)) columns.times.push_back(time_column(column));
  }
  if (numeric.size() < 3 || numeric.size() > 5) return std::nullopt;
  const std::size_t first = numeric[numeric.size() - 3];
  if (numeric.back() != first + 2) return std::nullopt;
  for (const std::size_t column : numeric)
    if (column < first && is_rising(table, column)) columns.times.push_back(time_column(column));
  const bool is_wisdm = table.n_columns() == 6 && !is_numeric(table, 1) && first == 3;
  const std::optional<FileSensor> of_file = sensor_of_file_name(table.name());
  const bool has_own_time = !columns.times.empty();
  if (!of_file && !(is_wisdm && has_own_time) && !(has_own_time && table.n_columns() == 4))
    return std::nullopt;
  columns.sensors = {axes(of_file ? of_file->sensor : ImuSensor::kAcceleration, first)};
  columns.format = is_wisdm ? "WISDM" : "table of one sensor";
  return columns;
}

/// Accelerometer, then gyroscope.
std::optional<ImuColumns> six(const TextTable& table) {
  if (table.n_columns() != kImuChannels || !all_numeric(table)) return std::nullopt;
  ImuColumns columns;
  columns.sensors = {axes(ImuSensor::kAcceleration, 0), axes(ImuSensor::kRotation, 3)};
  return columns;
}

// --- The option ----------------------------------------------------------------------------------

[[noreturn]] void fail_option(const std::string& option, const std::string& why) {
  throw Error(ErrorKind::kUsage, "the columns \"" + option +
                                     "\" of the motion (--imu-columns, in "
                                     "requests columns) " +
                                     why +
                                     "; they are written acc=3-5,gyro=6-8,time=1, counted from 1");
}

std::optional<std::size_t> column_number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value - 1;
}

/// "3-5", or "5-3" for axes that stand in the order z, y, x.
std::optional<std::array<std::size_t, 3>> three_columns(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = column_number(text.substr(0, dash));
  const auto last = column_number(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  if (*last == *first + 2) return std::array{*first, *first + 1, *last};
  if (*first == *last + 2) return std::array{*first, *last + 1, *last};
  return std::nullopt;
}

}  // namespace

std::optional<ImuColumns> known_layout(const TextTable& table) {
  for (const auto layout : {pamap2, mhealth, kitti, empatica, one_sensor, six})
    if (std::optional<ImuColumns> found = layout(table)) return found;
  return std::nullopt;
}

ImuColumns chosen_columns(const std::string& option, const TextTable& table) {
  constexpr std::pair<std::string_view, ImuSensor> kSensors[] = {
      {"acc", ImuSensor::kAcceleration},
      {"gyro", ImuSensor::kRotation},
      {"gravity", ImuSensor::kGravity},
      {"linear", ImuSensor::kLinearAcceleration}};
  ImuColumns columns;
  std::set<std::string, std::less<>> keys;
  const auto name_of = [&](std::size_t column) {
    if (column >= table.n_columns())
      throw Error(ErrorKind::kInput, table.name() + ": has " + std::to_string(table.n_columns()) +
                                         " columns, so none of number " +
                                         std::to_string(column + 1) + " (--imu-columns)");
    return table.header().empty() ? "column " + std::to_string(column + 1) : table.header()[column];
  };
  for (std::size_t begin = 0; begin <= option.size();) {
    const std::size_t end = std::min(option.find(',', begin), option.size());
    const std::string part = option.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string key = part.substr(0, equals);
    const std::string value = equals < part.size() ? part.substr(equals + 1) : "";
    if (!keys.insert(key).second) fail_option(option, "name " + key + " twice");
    if (key == "time") {
      const auto column = column_number(value);
      if (!column) fail_option(option, "have no number for the time");
      TimeColumn time{.column = *column, .header = name_of(*column)};
      if (const auto name = read_time_name(time.header)) time.name = *name;
      time.name.is_counter = false;
      columns.times = {time};
      continue;
    }
    const auto sensor =
        std::ranges::find(kSensors, key, &std::pair<std::string_view, ImuSensor>::first);
    if (sensor == std::end(kSensors))
      fail_option(option,
                  "have \"" + key + "\", which is none of acc, gyro, gravity, linear, time");
    const auto three = three_columns(value);
    if (!three) fail_option(option, "give " + key + " no three columns, such as 3-5");
    AxisColumns chosen{.sensor = sensor->second, .columns = *three};
    for (const std::size_t column : *three) {
      const std::string name = name_of(column);
      chosen.names += (chosen.names.empty() ? "" : ", ") + name;
      const std::string unit = table.units().empty() ? "" : " (" + table.units()[column] + ")";
      if (const auto axis = read_axis_name(name + unit); axis && axis->unit)
        chosen.unit = axis->unit;
    }
    columns.sensors.push_back(std::move(chosen));
  }
  return columns;
}

}  // namespace pandagpt
