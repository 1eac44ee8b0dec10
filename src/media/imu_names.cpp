#include "media/imu_names.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "core/ascii.h"

namespace pandagpt {
namespace {

constexpr double kDegree = std::numbers::pi / 180;

// --- Units ---------------------------------------------------------------------------------------

/// Letters, digits and signs that matter in a unit: "m/(s²)" -> "ms2", "°/s" -> "degs".
std::string plain_unit(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"\xC2\xB2", "2"},   {"\xE2\x81\xBB", "-"}, {"\xC2\xB9", "1"}, {"\xC2\xB0", "deg"},
      {"\xC2\xBA", "deg"}, {"\xCB\x9A", "deg"},   {"\xC2\xB5", "u"}, {"\xCE\xBC", "u"}};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto sign = std::ranges::find_if(
        kSigns, [&](const auto& one) { return text.substr(i).starts_with(one.first); });
    if (sign != std::end(kSigns)) {
      out += sign->second;
      i += sign->first.size();
      continue;
    }
    const char c = text[i++];
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter || (c >= '0' && c <= '9') || c == '-') out += c;
  }
  return ascii_lower(out);
}

struct UnitName {
  std::string_view text;  // plain
  double factor;
  const char* name;
};

constexpr UnitName kAccelerationUnits[] = {
    {"ms2", 1, "m/s2"},
    {"ms-2", 1, "m/s2"},
    {"mss", 1, "m/s2"},
    {"mps2", 1, "m/s2"},
    {"mpss", 1, "m/s2"},
    {"msec2", 1, "m/s2"},
    {"msec-2", 1, "m/s2"},
    {"ms", 1, "m/s2"},  // whose square was lost
    {"si", 1, "m/s2"},
    {"g", kStandardGravity, "g"},
    {"gs", kStandardGravity, "g"},
    {"gn", kStandardGravity, "g"},
    {"g0", kStandardGravity, "g"},
    {"gee", kStandardGravity, "g"},
    {"gforce", kStandardGravity, "g"},
    {"mg", kStandardGravity / 1000, "mg"},
    {"millig", kStandardGravity / 1000, "mg"},
    {"milli-g", kStandardGravity / 1000, "mg"},
    {"cms2", 0.01, "cm/s2"},
    {"cms-2", 0.01, "cm/s2"},
    {"mms2", 0.001, "mm/s2"},
    {"mms-2", 0.001, "mm/s2"},
    {"fts2", 0.3048, "ft/s2"},
    {"fts-2", 0.3048, "ft/s2"},
};

constexpr UnitName kRotationUnits[] = {
    {"rads", 1, "rad/s"},
    {"rads-1", 1, "rad/s"},
    {"radsec", 1, "rad/s"},
    {"radsec-1", 1, "rad/s"},
    {"radps", 1, "rad/s"},
    {"rps", 1, "rad/s"},
    {"radians", 1, "rad/s"},
    {"radianss", 1, "rad/s"},
    {"radianssec", 1, "rad/s"},
    {"radianspersecond", 1, "rad/s"},
    {"si", 1, "rad/s"},
    {"mrads", 1e-3, "mrad/s"},
    {"degs", kDegree, "deg/s"},
    {"degs-1", kDegree, "deg/s"},
    {"degsec", kDegree, "deg/s"},
    {"degsec-1", kDegree, "deg/s"},
    {"degps", kDegree, "deg/s"},
    {"dps", kDegree, "deg/s"},
    {"ds", kDegree, "deg/s"},  // Axivity
    {"dsec", kDegree, "deg/s"},
    {"degree", kDegree, "deg/s"},
    {"degrees", kDegree, "deg/s"},
    {"degreess", kDegree, "deg/s"},
    {"degreesec", kDegree, "deg/s"},
    {"degreessec", kDegree, "deg/s"},
    {"degreespersecond", kDegree, "deg/s"},
    {"mdps", kDegree / 1000, "mdeg/s"},
    {"mdegs", kDegree / 1000, "mdeg/s"},
    {"rpm", std::numbers::pi / 30, "rpm"},
};

/// What names of columns say besides: a gyroscope's "rad" is per second.
constexpr UnitName kShortRotationUnits[] = {{"rad", 1, "rad/s"}, {"deg", kDegree, "deg/s"}};

constexpr std::pair<std::string_view, double> kTimeUnits[] = {
    {"s", 1},
    {"sec", 1},
    {"secs", 1},
    {"second", 1},
    {"seconds", 1},
    {"ms", 1e-3},
    {"msec", 1e-3},
    {"msecs", 1e-3},
    {"millis", 1e-3},
    {"milli", 1e-3},
    {"millisecond", 1e-3},
    {"milliseconds", 1e-3},
    {"us", 1e-6},
    {"usec", 1e-6},
    {"usecs", 1e-6},
    {"micros", 1e-6},
    {"microsecond", 1e-6},
    {"microseconds", 1e-6},
    {"ns", 1e-9},
    {"nsec", 1e-9},
    {"nsecs", 1e-9},
    {"nanos", 1e-9},
    {"nanosecond", 1e-9},
    {"nanoseconds", 1e-9},
};

std::optional<StatedUnit> find_unit(std::span<const UnitName> names, std::string_view plain) {
  for (const UnitName& one : names)
    if (one.text == plain) return StatedUnit{one.factor, one.name, "its name"};
  return std::nullopt;
}

std::optional<StatedUnit> unit_of(bool is_rotation, std::string_view plain) {
  return is_rotation ? find_unit(kRotationUnits, plain) : find_unit(kAccelerationUnits, plain);
}

// --- Words ---------------------------------------------------------------------------------------

using Words = std::vector<std::string>;

bool is_in(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

bool has(const Words& words, std::initializer_list<std::string_view> list) {
  return std::ranges::any_of(words, [&](const std::string& word) { return is_in(word, list); });
}

bool is_accelerometer(std::string_view word) {
  return is_in(word, {"acc", "accl", "accel", "accelerometer", "accelerometers", "acceleration",
                      "accelerations", "gforce", "specificforce"});
}
bool is_gyroscope(std::string_view word) {
  return is_in(word, {"gyro", "gyr", "gyros", "gyroscope", "gyroscopes", "omega", "\xCF\x89",
                      "angvel", "rotrate", "rotationrate", "angularvelocity", "angularrate"});
}
bool is_linear(std::string_view word) {
  return is_in(word, {"linear", "lin", "user", "free", "body", "dynamic"});
}

/// Parts that names are written together of, longer ones before those that they begin with.
constexpr std::string_view kParts[] = {"accelerometers",
                                       "accelerometer",
                                       "accelerations",
                                       "acceleration",
                                       "accel",
                                       "accl",
                                       "acc",
                                       "gyroscopes",
                                       "gyroscope",
                                       "gyros",
                                       "gyro",
                                       "gyr",
                                       "omega",
                                       "gravity",
                                       "angular",
                                       "velocity",
                                       "rotation",
                                       "linear",
                                       "rate",
                                       "lin",
                                       "user",
                                       "total",
                                       "body",
                                       "free",
                                       "raw",
                                       "timestamp",
                                       "time",
                                       "stamp",
                                       "axis",
                                       "angvel",
                                       "imu",
                                       "uncalibrated",
                                       "calibrated"};

/// "linearaccelerationx" -> linear, acceleration, x; the word itself if it isn't made of parts.
Words parts_of(const std::string& word) {
  if (word.size() == 2 && is_in(word.substr(1), {"x", "y", "z"}) &&
      is_in(word.substr(0, 1), {"a", "g", "w"}))
    return {word.substr(0, 1), word.substr(1)};
  Words parts;
  std::string_view rest = word;
  const auto take_axis = [&](bool at_end) {
    const bool is_axis = !rest.empty() && rest[0] >= 'x' && rest[0] <= 'z';
    if (!is_axis || (at_end && rest.size() != 1)) return;
    parts.emplace_back(rest.substr(0, 1));
    rest.remove_prefix(1);
  };
  take_axis(false);
  while (!rest.empty()) {
    const auto part =
        std::ranges::find_if(kParts, [&](std::string_view one) { return rest.starts_with(one); });
    if (part == std::end(kParts)) break;
    parts.emplace_back(*part);
    rest.remove_prefix(part->size());
    take_axis(true);
  }
  return rest.empty() && !parts.empty() ? parts : Words{word};
}

/// Words in lower case: at signs, between "aB" and "ABc", and between letters and digits.
Words words_of(std::string_view text) {
  enum Kind { kLower, kUpper, kDigit, kSign };
  const auto kind_of = [](char c) {
    if (c >= 'A' && c <= 'Z') return kUpper;
    if (c >= '0' && c <= '9') return kDigit;
    return (c >= 'a' && c <= 'z') || (c & 0x80) != 0 ? kLower : kSign;
  };
  Words words;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    for (std::string& part : parts_of(ascii_lower(word)))
      words.push_back(std::move(part));
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Kind kind = kind_of(text[i]);
    const Kind before = i > 0 ? kind_of(text[i - 1]) : kSign;
    const Kind after = i + 1 < text.size() ? kind_of(text[i + 1]) : kSign;
    const bool begins = (kind == kUpper && (before != kUpper || after == kLower)) ||
                        (kind == kDigit) != (before == kDigit);
    if (begins || kind == kSign) end_word();
    if (kind != kSign) word += text[i];
  }
  end_word();
  return words;
}

/// Not what a sensor measures, but what is said or computed about it.
bool is_about_something_else(const Words& words) {
  constexpr auto is_other = [](std::string_view word) {
    return is_in(
        word,
        {"bias",      "biases",      "offset",       "offsets",      "drift",       "angle",
         "angles",    "euler",       "quat",         "quaternion",   "quaternions", "orientation",
         "attitude",  "roll",        "pitch",        "yaw",          "mag",         "magn",
         "magnet",    "magnetic",    "magnetometer", "compass",      "heading",     "azimuth",
         "temp",      "temperature", "var",          "variance",     "cov",         "covariance",
         "std",       "stdev",       "stddev",       "sigma",        "noise",       "err",
         "error",     "status",      "accuracy",     "scale",        "max",         "min",
         "mean",      "integral",    "dt",           "delta",        "dv",          "dq",
         "increment", "pos",         "position",     "displacement", "jerk",        "uncertainty",
         "valid",     "flag",        "flags",        "timestamp",    "time",        "abs",
         "absolute",  "magnitude",   "norm",         "resultant",    "ecg",         "emg",
         "gps",       "vector",      "misalignment", "matrix",       "barometer",   "pressure",
         "location"});
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_other(words[i])) continue;
    const bool is_undone = i + 1 < words.size() &&
                           is_in(words[i + 1], {"corrected", "compensated", "removed", "free"});
    const bool is_low_noise = words[i] == "noise" && i > 0 && words[i - 1] == "low";
    if (!is_undone && !is_low_noise) return true;
  }
  return false;
}

std::optional<int> axis_of(std::string_view word) {
  if (word.size() == 1 && word[0] >= 'x' && word[0] <= 'z') return word[0] - 'x';
  return std::nullopt;
}

std::optional<ImuSensor> sensor_of(const Words& words, bool has_axis_behind_first) {
  const bool is_angular =
      has(words, {"angular", "ang"}) && has(words, {"velocity", "speed", "rate", "vel"});
  const bool is_rate = has(words, {"rotation", "rot"}) && has(words, {"rate"});
  if (is_angular || is_rate || std::ranges::any_of(words, is_gyroscope))
    return ImuSensor::kRotation;
  const bool is_acceleration =
      std::ranges::any_of(words, is_accelerometer) || (has(words, {"force"}) && has(words, {"g"}));
  const bool with = has(words, {"including", "include", "incl", "with", "total"});
  const bool without = has(words, {"without", "excluding", "exclude", "excl", "no"});
  const bool names_gravity = has(words, {"gravity", "grav"});
  if (is_acceleration) {
    if (without && has(words, {"gravity", "grav", "g"})) return ImuSensor::kLinearAcceleration;
    if (with) return ImuSensor::kAcceleration;
    return std::ranges::any_of(words, is_linear) ? ImuSensor::kLinearAcceleration
                                                 : ImuSensor::kAcceleration;
  }
  if (names_gravity) return ImuSensor::kGravity;
  if (!has_axis_behind_first || words.empty()) return std::nullopt;
  if (words[0] == "a") return ImuSensor::kAcceleration;
  if (is_in(words[0], {"g", "w", "as"})) return ImuSensor::kRotation;
  return std::nullopt;
}

int rank_of(const Words& words, ImuSensor sensor) {
  int rank = 10;
  if (has(words, {"raw", "uncalibrated", "uncal", "unfiltered"})) rank += 4;
  if (has(words, {"wr", "wide", "high", "highg", "filtered", "smoothed"})) rank += 2;
  if (sensor == ImuSensor::kRotation && has(words, {"rotation"}) &&
      std::ranges::any_of(words, is_gyroscope))
    rank += 1;  // SensorLog: its rotation rate is without the gyroscope's own drift
  if (sensor == ImuSensor::kAcceleration && has(words, {"including", "total", "gforce"})) rank -= 4;
  return rank;
}

/// Takes the last words that are a unit together out of `words`.
std::optional<StatedUnit> take_unit(Words& words, bool is_rotation) {
  for (std::size_t end = words.size(); end > 0; --end)
    for (std::size_t begin = end > 4 ? end - 4 : 0; begin < end; ++begin) {
      std::string joined;
      for (std::size_t i = begin; i < end; ++i)
        joined += words[i];
      std::optional<StatedUnit> unit = unit_of(is_rotation, joined);
      if (!unit && is_rotation) unit = find_unit(kShortRotationUnits, joined);
      if (!unit) continue;
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(begin),
                  words.begin() + static_cast<std::ptrdiff_t>(end));
      return unit;
    }
  return std::nullopt;
}

/// "acc_x [g]": what stands before the brackets, and in them.
std::pair<std::string_view, std::string_view> split_brackets(std::string_view column) {
  const std::size_t open = column.find_first_of("[(");
  if (open == std::string_view::npos) return {column, {}};
  const std::size_t close = column.find_last_of("])");
  const std::size_t end = close == std::string_view::npos || close < open ? column.size() : close;
  return {column.substr(0, open), column.substr(open + 1, end - open - 1)};
}

/// "Gyroscope" of "export.zip/Gyroscope.csv".
std::string_view stem_of(std::string_view path) {
  if (const std::size_t slash = path.find_last_of("/\\"); slash != std::string_view::npos)
    path.remove_prefix(slash + 1);
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(0, dot);
}

/// A column of a programmer's log, "%float(RawGyroX)" or "accSmooth[0]", as others write it.
std::string usual_name(std::string_view column) {
  const auto [base, bracket] = split_brackets(column);
  for (const std::string_view type : {"%int", "%float", "%double"})
    if (base == type) return std::string(bracket);
  if (base.size() == 3 && ascii_lower(base.substr(0, 2)) == "gf")  // Physics Toolbox
    return "gforce " + std::string(column.substr(2));
  const bool is_index =
      bracket.size() == 1 && bracket[0] >= '0' && bracket[0] <= '2' && column[base.size()] == '[';
  const Words words = is_index ? words_of(base) : Words{};
  const bool has_axis = std::any_of(words.begin(), words.end(), axis_of);
  if (is_index && !has_axis)
    return std::string(base) + "_" + static_cast<char>('x' + (bracket[0] - '0'));
  return std::string(column);
}

}  // namespace

std::optional<StatedUnit> read_acceleration_unit(std::string_view text) {
  return unit_of(/*is_rotation=*/false, plain_unit(text));
}

std::optional<StatedUnit> read_rotation_unit(std::string_view text) {
  return unit_of(/*is_rotation=*/true, plain_unit(text));
}

std::optional<double> read_time_unit(std::string_view text) {
  const std::string plain = plain_unit(text);
  for (const auto& [name, seconds] : kTimeUnits)
    if (name == plain) return seconds;
  return std::nullopt;
}

std::optional<AxisName> read_axis_name(std::string_view column) {
  const std::string usual = usual_name(column);
  const auto [base, bracket] = split_brackets(usual);
  Words words = words_of(base);
  if (is_about_something_else(words)) return std::nullopt;
  const auto place = std::find_if(words.rbegin(), words.rend(), axis_of);
  if (place == words.rend()) return std::nullopt;
  AxisName name;
  name.axis = *axis_of(*place);
  const bool is_first = std::next(place) == words.rend();
  name.sensor = sensor_of(words, !is_first);
  words.erase(std::next(place).base());
  const bool is_bare = std::ranges::all_of(words, [](const std::string& word) {
    return is_in(word, {"axis", "raw", "value", "data", "imu"});
  });
  if (!name.sensor) {
    if (!is_bare) return std::nullopt;
    if (read_acceleration_unit(bracket)) name.sensor = ImuSensor::kAcceleration;
    if (read_rotation_unit(bracket)) name.sensor = ImuSensor::kRotation;
    if (!name.sensor && !bracket.empty()) return std::nullopt;  // a magnetometer's
  }
  const ImuSensor sensor = name.sensor.value_or(ImuSensor::kAcceleration);
  const bool is_rotation = sensor == ImuSensor::kRotation;
  name.rank = rank_of(words, sensor);
  if (!bracket.empty()) {
    name.unit = unit_of(is_rotation, plain_unit(bracket));
    if (!name.unit && is_rotation) name.unit = find_unit(kShortRotationUnits, plain_unit(bracket));
    if (!name.unit) name.unknown_unit = std::string(bracket);
  }
  // "gFx" is in g by its name.
  const bool is_gforce = has(words, {"gforce"}) || (has(words, {"g"}) && has(words, {"force"}));
  std::erase_if(words, [&](const std::string& word) {
    return is_accelerometer(word) || is_gyroscope(word) || is_linear(word) ||
           is_in(word,
                 {"a",         "w",        "as",     "force",   "gravity", "grav",     "angular",
                  "ang",       "velocity", "vel",    "speed",   "rate",    "rotation", "rot",
                  "including", "include",  "with",   "without", "total",   "motion",   "imu",
                  "axis",      "cal",      "sensor", "data"});
  });
  if (sensor == ImuSensor::kRotation && !words.empty() && words[0] == "g")
    words.erase(words.begin());
  if (bracket.empty()) name.unit = take_unit(words, is_rotation);
  if (is_gforce && !name.unit) name.unit = read_acceleration_unit("g");
  for (const std::string& word : words)
    name.place += (name.place.empty() ? "" : " ") + word;
  return name;
}

std::optional<TimeName> read_time_name(std::string_view column) {
  const std::string usual = usual_name(column);
  const auto [base, bracket] = split_brackets(usual);
  Words words = words_of(base);
  TimeName name;
  const bool is_time = has(words, {"time", "timestamp", "timestamps", "times", "stamp", "elapsed",
                                   "seconds", "sec", "secs", "millis", "micros", "epoch", "epoc",
                                   "clock", "ts", "datetime", "msec", "usec"}) ||
                       (!words.empty() && words[0] == "t" && words.size() <= 2);
  const bool is_count = has(words, {"counter", "packet", "sample", "samples", "index", "idx",
                                    "frame", "seq", "sequence", "count", "iteration", "row"});
  if (has(words, {"zone", "dt", "delta", "duration", "rate", "integral"})) return std::nullopt;
  if (has(words, {"relative"}) && std::ranges::any_of(words, is_accelerometer)) return std::nullopt;
  if (!is_time && !is_count) return std::nullopt;
  name.is_counter = !is_time;
  name.rank = is_time ? 20 : 60;
  const auto of = [&](int better, std::initializer_list<std::string_view> list) {
    if (has(words, list)) name.rank += better;
  };
  of(-2, {"canonical", "seconds", "elapsed", "acc", "accel", "accelerometer"});
  of(2, {"gyro", "gyroscope", "motion"});
  of(3, {"arrival", "phone", "system", "logging", "host", "unix"});
  of(20, {"mag", "magnetometer", "location", "gps", "activity", "pedometer", "baro", "barometer",
          "heart", "altimeter", "battery", "fine"});
  if (!bracket.empty()) {
    name.unit = read_time_unit(bracket);
    if (!name.unit && words[0] == "t") return std::nullopt;  // "T(°)" is a temperature
  }
  for (std::size_t i = words.size(); i > 0 && bracket.empty() && !name.unit; --i)
    if (words[i - 1] != "t") name.unit = read_time_unit(words[i - 1]);
  if (name.unit) name.rank -= 4;
  return name;
}

int rank_of_file_name(std::string_view name) {
  return has(words_of(stem_of(name)), {"watch", "wrist", "headphone", "headphones"}) ? 6 : 0;
}

std::optional<FileSensor> sensor_of_file_name(std::string_view name) {
  const Words words = words_of(stem_of(name));
  if (is_about_something_else(words)) return std::nullopt;
  const std::optional<ImuSensor> sensor = sensor_of(words, /*has_axis_behind_first=*/false);
  if (!sensor) return std::nullopt;
  return FileSensor{*sensor, rank_of(words, *sensor)};
}

}  // namespace pandagpt
