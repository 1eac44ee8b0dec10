#include "media/nodata.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/warnings.h"
#include "media/temperature_unit.h"

namespace pandagpt {
namespace {

/// Of numbers that never end: some programs put the largest float, of either sign.
constexpr float kBeyondAllUnits = 1e30F;
constexpr std::array kMarks = std::to_array<float>(
    {-9999, -99999, -999999, -9999.9F, -32768, -32767, -2147483648.0F, -999, -9998});

bool is_beyond(float value) {
  return std::abs(value) >= kBeyondAllUnits;
}

struct Extremes {
  float lowest = std::numeric_limits<float>::infinity();
  float next = std::numeric_limits<float>::infinity();  ///< lowest of the others
  float highest = -std::numeric_limits<float>::infinity();
};

Extremes find_extremes(const ScalarMap& map) {
  Extremes found;
  for (const float value : map.values) {
    if (!std::isfinite(value)) continue;
    found.highest = std::max(found.highest, value);
    if (value < found.lowest)
      found.next = std::exchange(found.lowest, value);
    else if (value > found.lowest)
      found.next = std::min(found.next, value);
  }
  return found;
}

template <typename Hole>
std::size_t mark(ScalarMap& map, const Hole& is_hole) {
  std::size_t count = 0;
  for (float& value : map.values) {
    if (!is_hole(value)) continue;
    value = std::numeric_limits<float>::quiet_NaN();
    ++count;
  }
  return count;
}

/// Whether the lowest value is a mark of programs, or no temperature, and far below the next one.
bool lowest_is_mark(const Extremes& extremes, bool integer) {
  constexpr double kGap = 0.1;  // of the others' range, and of the mark itself
  const auto& [lowest, next, highest] = extremes;
  if (!(lowest < 0) || !std::isfinite(next)) return false;
  const double least = kGap * std::max(double(highest) - next, -double(lowest));
  if (double(next) - lowest <= least) return false;
  if (std::ranges::find(kMarks, lowest) != kMarks.end()) return true;
  // Whole numbers may be hundredths of a degree.
  return !integer && lowest < kAbsoluteZero && next >= kAbsoluteZero;
}

void mark_sentinels(ScalarMap& map) {
  constexpr int kMostMarks = 4;
  const std::size_t endless = mark(map, is_beyond);
  report_holes(map, endless, "numbers beyond all units");
  for (int i = 0; i < kMostMarks; ++i) {
    const Extremes extremes = find_extremes(map);
    if (!lowest_is_mark(extremes, map.integer)) return;
    const std::size_t count = mark(map, [&](float value) { return value == extremes.lowest; });
    report_holes(map, count, fmt::format("{:g}, far below all other values", extremes.lowest));
  }
}

/// Whether `end`, the first or last of the values, lies farther from the others than these do from
/// one another: their outermost thousandth doesn't count, where a mosaic's edges are blended.
bool is_far_off(const ScalarMap& map, float end) {
  constexpr double kOutliers = 0.001;
  constexpr std::size_t kMostSamples = 1 << 20;
  const std::size_t step = (map.values.size() / kMostSamples) | 1;
  std::vector<float> others;
  for (std::size_t i = 0; i < map.values.size(); i += step)
    if (std::isfinite(map.values[i]) && map.values[i] != end) others.push_back(map.values[i]);
  if (others.empty()) return false;
  const auto at_share = [&](double share) {
    const auto at = others.begin() + std::lround(share * double(others.size() - 1));
    std::ranges::nth_element(others, at);
    return double(*at);
  };
  const double low = at_share(kOutliers);
  const double high = at_share(1 - kOutliers);
  return (end < low ? low - end : end - high) > high - low;
}

void mark_ends_of_scale(ScalarMap& map, const std::string& name) {
  constexpr float kTop = 65535;
  for (const float end : {0.0F, kTop}) {
    if (end == kTop && !map.integer) continue;
    const Extremes extremes = find_extremes(map);
    if ((end == 0 ? extremes.lowest : extremes.highest) != end || !is_far_off(map, end)) continue;
    const std::size_t count = mark(map, [&](float value) { return value == end; });
    report_holes(map, count, fmt::format("{:g}, far off all other values", end));
    warn(
        fmt::format("{}: {:.1f} % of the pixels are {:g}, far off all others; they are taken as "
                    "pixels without a value",
                    name, 100.0 * double(count) / double(map.values.size()), end));
  }
}

}  // namespace

void mark_missing_values(ScalarMap& map, const std::string& name) {
  mark_sentinels(map);
  mark_ends_of_scale(map, name);
}

}  // namespace pandagpt
