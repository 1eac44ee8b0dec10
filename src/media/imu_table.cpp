#include "media/imu_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "core/warnings.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
constexpr double kDay = 24 * 3600;

std::string_view cell_at(std::span<const std::string_view> cells, std::size_t column) {
  return column < cells.size() ? cells[column] : std::string_view{};
}

// --- Which column has the times
// --------------------------------------------------------------------

enum class TimeKind { kNone, kNumbers, kClock, kCounter };

/// What a column's first rows hold.
TimeKind kind_of(const TextTable& table, const TimeColumn& time) {
  std::vector<double> numbers;
  std::vector<double> clocks;
  std::size_t n_rows = 0;
  for (const auto& row : table.first_rows()) {
    if (time.column >= row.size() || row[time.column].empty()) continue;
    ++n_rows;
    if (const auto number = read_cell(row[time.column], table.comma_is_decimal()))
      numbers.push_back(*number);
    else if (const auto clock = read_clock(row[time.column]))
      clocks.push_back(*clock);
  }
  const std::vector<double>& values = numbers.size() == n_rows ? numbers : clocks;
  if (n_rows == 0 || values.size() != n_rows) return TimeKind::kNone;
  const bool has_own_unit = time.name.unit.has_value();
  if (time.name.is_counter || (!has_own_unit && is_counter(values))) return TimeKind::kCounter;
  // Whole seconds, of which many samples have the same, are no times of samples.
  std::size_t n_same = 0;
  for (std::size_t i = 1; i < values.size(); ++i)
    n_same += values[i] == values[i - 1];
  if (2 * n_same > values.size()) return TimeKind::kNone;
  return &values == &numbers ? TimeKind::kNumbers : TimeKind::kClock;
}

struct ChosenTime {
  TimeKind kind = TimeKind::kNone;
  TimeColumn time = {};
  std::optional<std::size_t> counter = {};  ///< column
};

ChosenTime choose_time(const TextTable& table, const ImuColumns& columns) {
  ChosenTime chosen;
  for (const TimeColumn& time : columns.times) {
    const TimeKind kind = kind_of(table, time);
    if (kind == TimeKind::kCounter && !chosen.counter) chosen.counter = time.column;
    if (kind == TimeKind::kNone || kind == TimeKind::kCounter) continue;
    if (chosen.kind != TimeKind::kNone) continue;
    chosen.kind = kind;
    chosen.time = time;
  }
  return chosen;
}

// --- Rows ----------------------------------------------------------------------------------------

class RowReader {
 public:
  RowReader(const TextTable& text, const ImuColumns& columns, ChosenTime time)
      : text_(text), time_(std::move(time)), n_skipped_(columns.n_rows_before) {
    for (const AxisColumns& one : columns.sensors)
      table_.sensors.push_back({one, {}});
  }

  void read() {
    text_.for_each_row([this](std::span<const std::string_view> cells, std::size_t line) {
      if (n_skipped_ > 0) {
        --n_skipped_;
        return;
      }
      line_ = line;
      if (++n_rows_ > kMaxImuSamples)
        fail(text_.name(),
             "more than " + std::to_string(kMaxImuSamples) + " rows; cut the recording");
      take(cells);
    });
    if (last_is_bad_) drop_last();
  }

  ImuTable& table() { return table_; }
  std::vector<double>& times() { return times_; }
  std::vector<double>& counts() { return counts_; }

 private:
  void take(std::span<const std::string_view> cells) {
    for (TableSensor& sensor : table_.sensors) {
      auto& value = sensor.values.emplace_back();
      for (int axis = 0; axis < 3; ++axis)
        value[axis] = number(cell_at(cells, sensor.columns.columns[axis]));
    }
    if (time_.kind == TimeKind::kNumbers)
      times_.push_back(number(cell_at(cells, time_.time.column)));
    else if (time_.kind == TimeKind::kClock)
      times_.push_back(clock(cell_at(cells, time_.time.column)));
    if (time_.counter) counts_.push_back(number(cell_at(cells, *time_.counter)));
  }

  void drop_last() {
    for (TableSensor& sensor : table_.sensors)
      sensor.values.pop_back();
    if (!times_.empty()) times_.pop_back();
    if (!counts_.empty()) counts_.pop_back();
  }

  double number(std::string_view cell) {
    if (const auto value = read_cell(cell, text_.comma_is_decimal())) return *value;
    return no_value(cell, "is no number");
  }

  double clock(std::string_view cell) {
    const std::optional<double> value = read_clock(cell);
    if (!value) return cell.empty() ? kNoValue : no_value(cell, "is no time");
    if (*value + days_ < last_clock_ - kDay / 2) days_ += kDay;  // past midnight
    return last_clock_ = *value + days_;
  }

  double no_value(std::string_view cell, const char* what) {
    const std::string where =
        "line " + std::to_string(line_) + ": \"" + std::string(cell.substr(0, 40)) + "\" " + what;
    if (!text_.is_last_line(line_)) fail(text_.name(), where + "; correct the table");
    if (!last_is_bad_)
      warn(text_.name() + ": " + where + ", as if the file weren't finished; the line is left out");
    last_is_bad_ = true;
    return kNoValue;
  }

  const TextTable& text_;
  ChosenTime time_;
  std::size_t n_skipped_;
  std::size_t n_rows_ = 0;
  std::size_t line_ = 0;
  bool last_is_bad_ = false;
  double days_ = 0;
  double last_clock_ = 0;
  ImuTable table_;
  std::vector<double> times_;
  std::vector<double> counts_;
};

std::optional<double> rate_of(const ImuColumns& columns, const ImuOptions& options) {
  return columns.rate_hz ? columns.rate_hz : options.rate_hz;
}

/// Times of all rows, the given ones where they are numbers.
ImuTimes times_of_rows(const std::vector<double>& times, const ChosenTime& chosen,
                       const std::optional<double>& rate_hz, const std::string& name) {
  std::vector<double> given;
  std::ranges::copy_if(times, std::back_inserter(given),
                       [](double time) { return std::isfinite(time); });
  const std::optional<double> unit =
      chosen.kind == TimeKind::kClock ? std::optional(1.0) : chosen.time.name.unit;
  ImuTimes result = times_of_column(given, unit, rate_hz, name);
  result.seconds.clear();
  for (const double time : times)
    result.seconds.push_back(time * result.factor);
  if (chosen.kind == TimeKind::kClock) result.unit = "clock times";
  result.why = "column \"" + chosen.time.header + "\", in " +
               (result.unit.empty() ? "the unit of the file" : result.unit) +
               (unit ? "" : ", by " + result.why);
  return result;
}

/// A Gyroflow log whose scale gives m/s^2, not g: gravity is 9.8 of it.
void correct_scale(TableSensor& sensor) {
  std::optional<StatedUnit>& unit = sensor.columns.unit;
  if (!unit || unit->name != kScaledToG) return;
  std::vector<double> lengths;
  for (const auto& [x, y, z] : sensor.values)
    if (const double length = std::hypot(x, y, z); std::isfinite(length)) lengths.push_back(length);
  if (lengths.empty() || median_of(std::move(lengths)) * unit->factor < 4 * kStandardGravity)
    return;
  unit = StatedUnit{unit->factor / kStandardGravity, "ascale m/s2", "the length of gravity"};
}

}  // namespace

ImuTable read_imu_table(ByteView bytes, const std::string& name, const ImuOptions& options) {
  const TextTable text(bytes, name, imu_header_words());
  const ImuColumns columns = find_imu_columns(text, options.columns);
  const ChosenTime chosen = choose_time(text, columns);
  RowReader rows(text, columns, chosen);
  if (!columns.sensors.empty()) rows.read();
  ImuTable table = std::move(rows.table());
  table.name = name;
  table.format = columns.format;
  table.missing = columns.missing;
  table.rate_hz = columns.rate_hz;
  table.has_time_column = chosen.kind != TimeKind::kNone;
  if (table.sensors.empty()) {
    std::string names;
    for (const std::string& one : text.header())
      names += (names.empty() ? "" : ", ") + one;
    table.missing =
        (table.missing.empty() ? "acc_x, acc_y, acc_z, gyro_x, gyro_y, gyro_z" : table.missing) +
        (names.empty() ? "" : " (the header has: " + names.substr(0, 200) + ")");
    return table;
  }
  for (TableSensor& sensor : table.sensors)
    correct_scale(sensor);
  const std::size_t n_rows = table.sensors.front().values.size();
  if (table.has_time_column && n_rows > 1) {
    table.times = times_of_rows(rows.times(), chosen, rate_of(columns, options), name);
  } else if (table.has_time_column) {
    fail(name, "one sample only; give a longer recording");
  } else {
    table.counts = std::move(rows.counts());
  }
  return table;
}

}  // namespace pandagpt
