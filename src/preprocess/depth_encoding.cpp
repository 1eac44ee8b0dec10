#include "preprocess/depth_encoding.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/warnings.h"
#include "pandagpt/error.h"
#include "preprocess/depth_reading.h"

namespace pandagpt {
namespace {

using Quantity = DepthReading::Quantity;
using Bits = DepthReading::Bits;

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr float kFar = std::numeric_limits<float>::infinity();
constexpr const char* kSaySo = "--depth-encoding (in requests encoding)";

// Programs that render scenes write numbers such as 1e10 where there is nothing.
constexpr float kSkyFrom = 1e6F;  // metres

// A relative map has no unit. Estimators show scenes, not distances: the nearest point is put at
// arm's length and the farthest at the end of a large room.
constexpr double kRelativeNearest = 1;    // metres
constexpr double kRelativeFarthest = 10;  // metres

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

[[noreturn]] void fail_usage(const std::string& why) {
  throw Error(ErrorKind::kUsage, "depth: " + why);
}

/// What was decided about a map.
struct Choice {
  DepthReading reading;
  std::string why;        ///< for the report
  bool is_guess = false;  ///< to be told to the user
  bool is_given = false;  ///< by an option
};

// --- Numbers to metres ---------------------------------------------------------------------------

std::uint16_t swapped(std::uint16_t number) {
  return static_cast<std::uint16_t>(number << 8 | number >> 8);
}

/// Kinect's disparity of 11 bits: the formula of the NYU Depth V2 toolbox and Open3D.
float metres_of_kinect(std::uint16_t disparity) {
  const double metres = 351.3 / (1092.5 - disparity);
  return metres > 0 ? static_cast<float>(metres) : kNone;
}

/// The map's numbers in the reading's unit; NaN for none.
class Numbers {
 public:
  Numbers(const ScalarMap& map, const DepthReading& reading) : reading_(reading) {
    if (reading.bits != Bits::kElevenSwapped) return;
    // A program may have swapped the bytes already.
    constexpr float kMost = 2047;
    is_swapped_ = std::ranges::any_of(map.values, [](float value) { return value > kMost; });
  }

  float operator()(float value) const {
    if (!std::isfinite(value) || !(value > 0)) return kNone;
    if (reading_.sky > 0 && value == reading_.sky) return kFar;
    if (reading_.end_is_hole && value == kEndOfSixteenBits) return kNone;
    const auto unit = static_cast<float>(reading_.unit);
    if (reading_.bits == Bits::kPlain) return value * unit;
    const auto number = static_cast<std::uint16_t>(value);
    if (reading_.bits == Bits::kRotated)
      return static_cast<float>(static_cast<std::uint16_t>(number >> 3 | number << 13)) * unit;
    return metres_of_kinect(is_swapped_ ? swapped(number) : number);
  }

 private:
  DepthReading reading_;
  bool is_swapped_ = false;
};

/// Whether the middle of what the reading makes of the map is a distance that cameras and scenes
/// have.
bool is_plausible(const ScalarMap& map, const DepthReading& reading) {
  constexpr float kNearest = 0.05F, kFarthest = 250;  // metres
  if (reading.quantity != Quantity::kDistance && reading.quantity != Quantity::kInverse)
    return true;
  const Numbers in_unit(map, reading);
  std::vector<float> measured;
  for (const float value : map.values)
    if (const float number = in_unit(value); number > 0 && number < kFar)
      measured.push_back(number);
  if (measured.empty()) return true;  // to be refused
  const auto middle = measured.begin() + static_cast<std::ptrdiff_t>(measured.size() / 2);
  std::ranges::nth_element(measured, middle);
  const float metres = reading.quantity == Quantity::kInverse ? 1 / *middle : *middle;
  return metres >= kNearest && metres <= kFarthest;
}

// --- Which reading -------------------------------------------------------------------------------

Choice given_encoding(const ScalarMap& map, const SensorOptions& options) {
  const DepthEncoding encoding = *options.depth_encoding;
  Choice choice{depth_reading(encoding), "--depth-encoding", false, true};
  if (options.depth_metres_per_unit) {
    const bool takes_unit =
        encoding == DepthEncoding::kDisparity || encoding == DepthEncoding::kInverse;
    if (!takes_unit)
      fail_usage("the encoding " + to_string(encoding) +
                 " has a unit of its own; leave out --depth-unit (in requests metres_per_unit), or "
                 "the encoding");
    choice.reading.unit = *options.depth_metres_per_unit;
  }
  const bool agrees =
      encoding == DepthEncoding::kInverse || encoding == DepthEncoding::kRelativeInverse;
  if (map.unit == MapUnit::kPerMetre && !agrees)
    fail_usage(
        "the file itself says that its numbers are 1/m; leave out --depth-encoding (in "
        "requests encoding) " +
        to_string(encoding));
  return choice;
}

DepthReading plain_reading(bool integer) {
  return depth_reading(integer ? DepthEncoding::kMillimetres : DepthEncoding::kMetres);
}

/// What the file says of its numbers.
std::optional<DepthEncoding> encoding_of(MapUnit unit) {
  switch (unit) {
    case MapUnit::kMillimetres:
      return DepthEncoding::kMillimetres;
    case MapUnit::kMetres:
      return DepthEncoding::kMetres;
    case MapUnit::kPerMetre:
      return DepthEncoding::kInverse;
    case MapUnit::kUnknown:
    case MapUnit::kCounts:
    case MapUnit::kCelsius:
      break;
  }
  return std::nullopt;
}

Choice given_unit(const ScalarMap& map, double metres) {
  if (map.unit == MapUnit::kPerMetre)
    fail_usage(
        "the file itself says that its numbers are 1/m; leave out --depth-unit (in requests "
        "metres_per_unit)");
  DepthReading reading = plain_reading(map.integer);
  reading.encoding = DepthEncoding::kAuto;
  reading.what = "numbers of the unit that was given";
  reading.unit = metres;
  return {reading, "--depth-unit", false, true};
}

Choice choose(const ScalarMap& map, const SensorOptions& options, const std::string& name) {
  if (options.depth_encoding.value_or(DepthEncoding::kAuto) != DepthEncoding::kAuto)
    return given_encoding(map, options);
  if (map.unit == MapUnit::kCelsius)
    fail(name, "it holds temperatures, not depths; give it as a thermal picture");
  if (options.depth_metres_per_unit) return given_unit(map, *options.depth_metres_per_unit);
  if (const std::optional<DepthEncoding> own = encoding_of(map.unit))
    return {depth_reading(*own), "the file", false, false};
  if (const std::optional<DepthHint> hint = depth_hint(map, name);
      hint && is_plausible(map, hint->reading))
    return {hint->reading, hint->why, !hint->is_plain, false};
  return {plain_reading(map.integer),
          map.integer ? "whole numbers without a unit" : "floats without a unit", true, false};
}

void require_sixteen_bits(const ScalarMap& map, const Choice& choice, const std::string& name) {
  if (!choice.reading.sixteen_bits) return;
  constexpr float kElevenBits = 2047;
  const bool is_kinect = choice.reading.bits == Bits::kElevenSwapped;
  bool plain_fits = true, swapped_fits = true;
  for (const float value : map.values) {
    if (std::isnan(value)) continue;
    if (!(value >= 0 && value <= kEndOfSixteenBits) || value != std::floor(value))
      fail(name, fmt::format("it holds {:g}; {} are whole numbers of 16 bits, so it is something "
                             "else; give another --depth-encoding (in requests encoding)",
                             value, choice.reading.what));
    if (!is_kinect) continue;
    plain_fits = plain_fits && value <= kElevenBits;
    swapped_fits = swapped_fits && swapped(static_cast<std::uint16_t>(value)) <= kElevenBits;
  }
  if (is_kinect && !plain_fits && !swapped_fits)
    fail(name, std::string("its numbers have more than 11 bits, so they aren't ") +
                   choice.reading.what + "; give another --depth-encoding (in requests encoding)");
}

// --- Disparity -----------------------------------------------------------------------------------

double focal_times_baseline(const SensorOptions& options, const Choice& choice,
                            const std::string& name) {
  if (options.depth_focal_length && options.depth_baseline)
    return *options.depth_focal_length * *options.depth_baseline;
  const std::string need =
      "--depth-camera FOCAL,BASELINE (focal length in pixels, baseline in metres; in requests "
      "focal_length and baseline)";
  if (choice.is_given)
    fail_usage("metres are focal length x baseline / disparity: the encoding " +
               to_string(choice.reading.encoding) + " needs " + need);
  fail(name, choice.why + " a map of disparities, which needs " + need + ", or " + kSaySo +
                 " says what else its numbers are (inverse: 1/m, as iPhones have it)");
}

/// Whole numbers of a disparity map are pixels only if somebody says so.
void require_unit_of_disparity(const ScalarMap& map, const Choice& choice,
                               const std::string& name) {
  if (choice.is_given || !map.integer ||
      choice.reading.encoding == DepthEncoding::kKittiDisparity ||
      choice.reading.quantity != Quantity::kDisparity)
    return;
  fail(name, choice.why +
                 " a map of disparities, but whole numbers may be any part of a pixel; give "
                 "--depth-encoding (in requests encoding) kitti-disparity for 1/256 pixel, or "
                 "disparity with --depth-unit PIXELS");
}

void check_disparity(const std::vector<float>& pixels, const ScalarMap& map, const Choice& choice,
                     const std::string& name) {
  std::vector<float> measured;
  std::ranges::copy_if(pixels, std::back_inserter(measured), [](float one) { return one > 0; });
  if (measured.empty()) return;
  const auto middle = measured.begin() + static_cast<std::ptrdiff_t>(measured.size() / 2);
  std::ranges::nth_element(measured, middle);
  if (*middle < float(map.width)) return;
  fail(name, fmt::format("a usual disparity of {:.4g} pixels can't be in a map {} pixels wide, "
                         "taken as {}; give kitti-disparity for 1/256 pixel, or disparity with "
                         "--depth-unit PIXELS",
                         *middle, map.width, choice.reading.what));
}

// --- All pixels ----------------------------------------------------------------------------------

/// Nearer is larger; the smallest number is the farthest.
std::vector<float> relative_metres(const ScalarMap& map, const std::string& name) {
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  for (const float value : map.values)
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  if (!(low < high))
    fail(name, "a relative depth map needs at least two different numbers; give another one");
  std::vector<float> metres(map.values.size());
  for (std::size_t i = 0; i < metres.size(); ++i) {
    const double share = (double{map.values[i]} - low) / (double{high} - low);
    const double inverse =
        1 / kRelativeFarthest + share * (1 / kRelativeNearest - 1 / kRelativeFarthest);
    metres[i] = std::isfinite(map.values[i]) ? static_cast<float>(1 / inverse) : kNone;
  }
  return metres;
}

std::vector<float> all_metres(const ScalarMap& map, const Choice& choice,
                              const SensorOptions& options, const std::string& name) {
  const DepthReading& reading = choice.reading;
  if (reading.quantity == Quantity::kRelativeInverse) return relative_metres(map, name);
  require_sixteen_bits(map, choice, name);
  require_unit_of_disparity(map, choice, name);
  const bool is_disparity = reading.quantity == Quantity::kDisparity;
  const auto above =
      static_cast<float>(is_disparity ? focal_times_baseline(options, choice, name) : 1);
  const Numbers in_unit(map, reading);
  std::vector<float> metres(map.values.size());
  for (std::size_t i = 0; i < metres.size(); ++i)
    metres[i] = in_unit(map.values[i]);
  if (is_disparity) check_disparity(metres, map, choice, name);
  for (float& one : metres) {
    if (reading.quantity != Quantity::kDistance) one = above / one;
    if (one > kSkyFrom) one = kFar;
  }
  return metres;
}

[[noreturn]] void fail_without_depth(const ScalarMap& map, const ScalarMap& metres,
                                     const std::string& name) {
  if (std::ranges::find(metres.values, kFar) != metres.values.end())
    fail(name, "every pixel of the depth map is infinitely far away; give another one");
  const bool has_negative = std::ranges::any_of(
      map.values, [](float value) { return value < 0 && std::isfinite(value); });
  if (has_negative)
    fail(name,
         "no pixel of the depth map has a depth: no number is above 0, some are negative, as z of "
         "an OpenGL camera is; save the distance, -z");
  fail(name, "no pixel of the depth map has a depth (all are 0 or no numbers); give another one");
}

std::vector<float> sorted_depths(const std::vector<float>& metres) {
  std::vector<float> sorted;
  std::ranges::copy_if(metres, std::back_inserter(sorted),
                       [](float one) { return std::isfinite(one); });
  std::ranges::sort(sorted);
  return sorted;
}

/// Values whose unit must be another one.
void check_unit(const std::vector<float>& sorted, const Choice& choice, const ScalarMap& map,
                const std::string& name) {
  constexpr float kFarthestUsual = 500;    // metres
  constexpr float kNearestUsual = 0.005F;  // metres
  const float middle = sorted[sorted.size() / 2];
  if (middle >= kNearestUsual && middle <= kFarthestUsual) return;
  const std::string what = choice.is_given || !choice.is_guess ? std::string(choice.reading.what)
                           : map.integer                       ? "millimetres (whole numbers)"
                                                               : "metres (floats)";
  fail(name,
       fmt::format("a usual depth of {:.3g} m can't be, taken as {}; say what the numbers are "
                   "with {}, or give their unit in metres (--depth-unit, in requests "
                   "metres_per_unit: 0.001 for millimetres)",
                   middle, what, kSaySo));
}

float quantile(const std::vector<float>& sorted, double share) {
  return sorted[static_cast<std::size_t>(std::lround(share * double(sorted.size() - 1)))];
}

std::string range_of(const std::vector<float>& sorted) {
  return fmt::format("{:.3g} to {:.3g} m", quantile(sorted, 0.01), quantile(sorted, 0.99));
}

void tell(const ScalarMap& map, const Choice& choice, const std::vector<float>& sorted,
          const std::string& name) {
  if (choice.reading.quantity == Quantity::kRelativeInverse) {
    warn(
        fmt::format("{}: relative depth has no unit; the nearest point is taken as {:g} m away, "
                    "the farthest as {:g} m",
                    name, kRelativeNearest, kRelativeFarthest));
    return;
  }
  if (!choice.is_guess) return;
  if (map.integer && has_levels_of_eight_bits(map))
    fail(name,
         "its numbers are the levels of an 8-bit picture, which shows relative depth, not "
         "millimetres; give --depth-encoding (in requests encoding) relative-inverse if nearer is "
         "brighter, or save depths with 16 bits");
  const std::string scale =
      map.integer && fills_sixteen_bits(map)
          ? "; they fill the scale of 16 bits, as pictures of relative depth do (relative-inverse)"
          : "";
  warn(fmt::format("{}: taken as {} ({}): {}; if that is wrong, {} says what the numbers are{}",
                   name, choice.reading.what, choice.why, range_of(sorted), kSaySo, scale));
}

void report(const Choice& choice, const std::vector<float>& sorted, ScalarMap& metres) {
  InputReport& report = metres.report;
  report.add("numbers", choice.reading.what, choice.why);
  report.add("range", range_of(sorted), "1 % and 99 % of the pixels");
  const auto n_none =
      std::ranges::count_if(metres.values, [](float one) { return std::isnan(one); });
  report.add("holes", fmt::format("{:.1f} % of the pixels",
                                  100.0 * double(n_none) / double(metres.values.size())));
}

}  // namespace

ScalarMap depth_in_metres(const ScalarMap& map, const SensorOptions& options,
                          const std::string& name) {
  for (const std::optional<double>& one :
       {options.depth_metres_per_unit, options.depth_focal_length, options.depth_baseline})
    if (one && (!(*one > 0) || !std::isfinite(*one)))
      fail_usage("focal length, baseline and unit must be positive numbers");
  const Choice choice = choose(map, options, name);
  ScalarMap metres{map.width, map.height, false, all_metres(map, choice, options, name),
                   MapUnit::kMetres};
  metres.label = map.label;
  metres.report = map.report;
  const std::vector<float> sorted = sorted_depths(metres.values);
  if (sorted.empty()) fail_without_depth(map, metres, name);
  check_unit(sorted, choice, map, name);
  tell(map, choice, sorted, name);
  report(choice, sorted, metres);
  return metres;
}

}  // namespace pandagpt
