#include "facts/steps.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "core/quantile.h"

namespace pandagpt {
namespace {

constexpr double kWindow = 4.0;    // s: two strides and more
constexpr double kShortest = 2.9;  // s, of a walk: less is some movement
constexpr double kHop = 0.5;       // s
constexpr double kMinute = 60;

constexpr double kLeastDeviation = 0.4;  // m/s^2: slow walking with a sensor at the waist
constexpr double kLeastStrength = 0.5;
constexpr double kImpactSmoothing = 0.1;  // s

// Of one step, felt in the acceleration; slower than this nobody walks.
constexpr double kFastestStep = 0.27, kSlowestStep = 1.5;  // s
// A stride is two steps. What takes longer than this for "a step" may be one.
constexpr double kLongStep = 0.8;       // s
constexpr double kHalfStrength = 0.25;  // of the steps within a stride
constexpr double kLimbRotation = 0.8;   // rad/s, deviation: arms and legs swing, bodies don't
constexpr double kFastestStride = 0.55, kSlowestStride = 2.2;  // s
constexpr double kFewestSteps = 4;                             // fewer are some movement
// Twice this many steps a minute would be too many: then it was a step, not a stride.
constexpr double kMostSteps = 200;

struct Window {
  std::span<const double> effort;  ///< what feels the impacts
  std::vector<double> swing;       ///< rotation along its main axis
  double step = 0;                 ///< seconds
};

/// The cadence in a window, or 0.
double steps_per_minute(const Window& window) {
  if (deviation_of(window.effort) < kLeastDeviation) return 0;
  const auto lags = [&](double seconds) {
    return static_cast<std::size_t>(std::max(2.0, std::round(seconds / window.step)));
  };
  if (deviation_of(window.swing) >= kLimbRotation) {
    const Period stride = period_of(window.swing, lags(kFastestStride), lags(kSlowestStride));
    if (stride.strength >= kLeastStrength) {
      const double per_minute = kMinute / (stride.lag * window.step);
      return 2 * per_minute > kMostSteps ? per_minute : 2 * per_minute;
    }
  }
  const Period step = period_of(window.effort, lags(kFastestStep), lags(kSlowestStep));
  if (step.strength < kLeastStrength) return 0;
  const double seconds = step.lag * window.step;
  const bool is_stride =
      seconds > kLongStep && strength_at(window.effort, step.lag / 2) >= kHalfStrength;
  return kMinute / (is_stride ? seconds / 2 : seconds);
}

std::vector<double> effort_of(const MotionGrid& grid) {
  std::vector<double> lengths;
  // Without gravity the length has two peaks for each step: one for each direction.
  if (grid.has_gravity)
    for (const Vector3& value : grid.acceleration)
      lengths.push_back(length_of(value));
  else
    lengths = along_main_axis(grid.acceleration);
  return smoothed(lengths, grid.steps_in(kImpactSmoothing));
}

}  // namespace

std::optional<Steps> find_steps(const MotionGrid& grid) {
  if (grid.seconds() < kShortest) return std::nullopt;
  const std::vector<double> effort = effort_of(grid);
  const std::size_t width = std::min(grid.steps_in(kWindow), grid.size());
  const std::size_t hop = grid.steps_in(kHop);
  const std::size_t n_windows = (grid.size() - width) / hop + 1;
  std::vector<double> cadences;  // of each window
  for (std::size_t i = 0; i < n_windows; ++i) {
    const std::span rotation = std::span(grid.rotation).subspan(i * hop, width);
    cadences.push_back(steps_per_minute(
        {std::span(effort).subspan(i * hop, width), along_main_axis(rotation), grid.step}));
  }
  // Each half second goes by the window around it, if there is effort in it.
  Steps steps;
  std::vector<double> walked;
  for (std::size_t begin = 0; begin < grid.size(); begin += hop) {
    const double centre = double(begin) + double(hop) / 2 - double(width) / 2;
    const auto window = static_cast<std::size_t>(
        std::clamp(std::round(centre / double(hop)), 0.0, double(n_windows - 1)));
    const std::size_t length = std::min(hop, grid.size() - begin);
    const auto around =
        std::span(effort).subspan(begin < hop ? 0 : begin - hop,
                                  std::min(3 * hop, grid.size() - (begin < hop ? 0 : begin - hop)));
    if (cadences[window] == 0 || deviation_of(around) < kLeastDeviation / 2) continue;
    const double seconds = double(length) * grid.step;
    steps.seconds += seconds;
    steps.count += cadences[window] * seconds / kMinute;
    walked.push_back(cadences[window]);
  }
  if (steps.seconds < kShortest || steps.count < kFewestSteps) return std::nullopt;
  steps.per_minute = median_of(std::move(walked));
  return steps;
}

}  // namespace pandagpt
