#include "media/imu_columns.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

constexpr const char* kChannelNames[kImuChannels] = {"acc_x",  "acc_y",  "acc_z",
                                                     "gyro_x", "gyro_y", "gyro_z"};
constexpr std::size_t kFirstGyroscope = 3;

/// Lower-case letters and digits only: "Acc X [m/s^2]" -> "accxms2".
std::string squeeze(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c + 32);
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += c;
    }
  }
  return out;
}

// --- Names and units -----------------------------------------------------------------------------

template <typename Unit>
struct UnitName {
  std::string_view text;
  Unit unit;
};

constexpr UnitName<AccelerationUnit> kAccelerationUnits[] = {
    {"ms2", AccelerationUnit::kMetresPerSecondSquared},
    {"mss", AccelerationUnit::kMetresPerSecondSquared},
    {"mps2", AccelerationUnit::kMetresPerSecondSquared},
    {"ms", AccelerationUnit::kMetresPerSecondSquared},  // "m/s²"
    {"si", AccelerationUnit::kMetresPerSecondSquared},
    {"g", AccelerationUnit::kG},
    {"mg", AccelerationUnit::kMilliG},
};
constexpr UnitName<RotationUnit> kRotationUnits[] = {
    {"rads", RotationUnit::kRadiansPerSecond}, {"radps", RotationUnit::kRadiansPerSecond},
    {"rps", RotationUnit::kRadiansPerSecond},  {"si", RotationUnit::kRadiansPerSecond},
    {"degs", RotationUnit::kDegreesPerSecond}, {"degps", RotationUnit::kDegreesPerSecond},
    {"dps", RotationUnit::kDegreesPerSecond},  {"degsec", RotationUnit::kDegreesPerSecond},
};
constexpr UnitName<double> kTimeUnits[] = {
    {"s", 1.0}, {"sec", 1.0}, {"seconds", 1.0}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9},
};

template <typename Unit, std::size_t n>
std::optional<Unit> find_unit(const UnitName<Unit> (&names)[n], std::string_view text) {
  for (const UnitName<Unit>& name : names)
    if (name.text == text) return name.unit;
  return std::nullopt;
}

// Longer names before those that they begin with.
constexpr std::string_view kAccelerometer[] = {
    "linearacceleration", "accelerometer", "acceleration", "linacc", "accel", "accl", "acc", "a"};
constexpr std::string_view kGyroscope[] = {
    "angularvelocity", "rotationrate", "gyroscope", "angvel", "omega", "gyro", "gyr", "w", "g"};
constexpr std::string_view kTime[] = {
    "canonicaltimestamp", "secondselapsed", "timestamp", "time", "seconds", "t"};

/// What follows one of the names at the start of `text`; std::nullopt if none is there.
template <std::size_t n>
std::optional<std::string_view> after(const std::string_view (&names)[n], std::string_view text) {
  constexpr std::string_view kPrefix = "imu";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  for (const std::string_view name : names)
    if (text.starts_with(name)) return text.substr(name.size());
  return std::nullopt;
}

/// 0 to 2 for an axis at the start of `text`.
std::optional<std::size_t> axis_of(std::string_view text) {
  if (text.empty() || text[0] < 'x' || text[0] > 'z') return std::nullopt;
  return static_cast<std::size_t>(text[0] - 'x');
}

// --- Collecting ----------------------------------------------------------------------------------

template <typename Unit>
void set_unit(std::optional<Unit>& known, std::optional<Unit> unit, const std::string& column,
              const std::string& name) {
  if (!unit) return;
  if (known && *known != *unit)
    fail(name, "column \"" + column + "\" has another unit than those before it; use one unit");
  known = unit;
}

class ColumnFinder {
 public:
  ColumnFinder(const CsvTable& table, const std::string& name) : table_(table), name_(name) {}

  ImuColumns find() {
    for (std::size_t i = 0; i < table_.header.size(); ++i)
      read(i, table_.header[i]);
    std::string missing;
    for (std::size_t i = 0; i < kImuChannels; ++i)
      if (!found_[i]) missing += std::string(missing.empty() ? "" : ", ") + kChannelNames[i];
    if (!missing.empty())
      fail(name_, "columns are missing: " + missing +
                      "; name them so in the header (the table has \"" + joined_header() + "\")");
    for (std::size_t i = 0; i < kImuChannels; ++i)
      columns_.channels[i] = *found_[i];
    return columns_;
  }

 private:
  void read(std::size_t index, const std::string& column) {
    // "acc_x [m/s^2]": the unit in brackets, or else behind the axis.
    const std::size_t bracket = column.find_first_of("[(");
    const std::string text = squeeze(std::string_view(column).substr(0, bracket));
    const std::string bracketed =
        bracket == std::string::npos ? "" : squeeze(std::string_view(column).substr(bracket));
    if (read_axis(kAccelerometer, 0, index, column, text, bracketed) ||
        read_axis(kGyroscope, kFirstGyroscope, index, column, text, bracketed))
      return;
    const std::optional<std::string_view> rest = after(kTime, text);
    if (!rest || columns_.time) return;
    const std::string_view unit = bracketed.empty() ? *rest : std::string_view(bracketed);
    columns_.time_unit = find_unit(kTimeUnits, unit);
    if (text.starts_with("seconds")) columns_.time_unit = 1.0;
    if (unit.empty() || columns_.time_unit) columns_.time = index;
  }

  template <std::size_t n>
  bool read_axis(const std::string_view (&names)[n], std::size_t first, std::size_t index,
                 const std::string& column, std::string_view text, const std::string& bracketed) {
    const std::optional<std::string_view> rest = after(names, text);
    const std::optional<std::size_t> axis = rest ? axis_of(*rest) : std::nullopt;
    if (!axis) return false;
    const std::string_view unit = bracketed.empty() ? rest->substr(1) : std::string_view(bracketed);
    if (first == kFirstGyroscope) {
      set_unit(columns_.rotation, known_unit(kRotationUnits, unit, column), column, name_);
    } else {
      set_unit(columns_.acceleration, known_unit(kAccelerationUnits, unit, column), column, name_);
    }
    std::optional<std::size_t>& place = found_[first + *axis];
    if (place)
      fail(name_, "columns \"" + table_.header[*place] + "\" and \"" + column +
                      "\" are the same channel; keep one of them");
    place = index;
    return true;
  }

  template <typename Unit, std::size_t n>
  std::optional<Unit> known_unit(const UnitName<Unit> (&names)[n], std::string_view unit,
                                 const std::string& column) const {
    if (unit.empty()) return std::nullopt;
    const std::optional<Unit> found = find_unit(names, unit);
    if (!found)
      fail(name_, "column \"" + column +
                      "\": the unit isn't known; m/s^2, g and mg are for the "
                      "accelerometer, rad/s and deg/s for the gyroscope");
    return found;
  }

  std::string joined_header() const {
    std::string text;
    for (const std::string& column : table_.header)
      text += (text.empty() ? "" : ", ") + column;
    return text.substr(0, 200);
  }

  const CsvTable& table_;
  const std::string& name_;
  ImuColumns columns_;
  std::array<std::optional<std::size_t>, kImuChannels> found_;
};

void read_notes(const CsvTable& table, const std::string& name, ImuColumns& columns) {
  for (const auto& [key, value] : table.notes) {
    const std::string word = squeeze(key);
    if (word == "rate" || word == "ratehz" || word == "samplerate" || word == "samplingrate" ||
        word == "frequency" || word == "fs")
      columns.rate_hz = std::strtod(value.c_str(), nullptr);
    if (after(kAccelerometer, word) == "")
      set_unit(columns.acceleration, find_unit(kAccelerationUnits, squeeze(value)), key, name);
    if (after(kGyroscope, word) == "")
      set_unit(columns.rotation, find_unit(kRotationUnits, squeeze(value)), key, name);
  }
}

}  // namespace

ImuColumns find_imu_columns(const CsvTable& table, const std::string& name) {
  ImuColumns columns;
  if (!table.header.empty()) {
    columns = ColumnFinder(table, name).find();
  } else if (table.n_columns == kImuChannels) {
    for (std::size_t i = 0; i < kImuChannels; ++i)
      columns.channels[i] = i;
  } else {
    fail(name, "a table of " + std::to_string(table.n_columns) +
                   " columns without a header; name the columns in its first line (time, acc_x, "
                   "acc_y, acc_z, gyro_x, gyro_y, gyro_z)");
  }
  read_notes(table, name, columns);
  return columns;
}

}  // namespace pandagpt
