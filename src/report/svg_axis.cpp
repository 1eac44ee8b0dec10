#include "report/svg_axis.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace pandagpt {
namespace {

/// The 1-2-5 step that cuts `span` into about `ticks` pieces.
double nice_step(double span, int ticks) {
  const double rough = span / std::max(1, ticks);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double mantissa = rough / power;
  if (mantissa < 1.5) return power;
  if (mantissa < 3.5) return 2 * power;
  if (mantissa < 7.5) return 5 * power;
  return 10 * power;
}

/// Gives a range without width one, so that its single value lies in the middle. What differs by
/// rounding alone is one value: ticks between would not be distinct numbers.
SvgAxis::Range opened(SvgAxis::Range range) {
  constexpr double kRounding = 1e-9;
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  if (range.high - range.low > kRounding * size) return range;
  const double half = range.low == 0 ? 1 : std::abs(range.low) * 0.5;
  return {range.low - half, range.low + half};
}

std::string trimmed(std::string digits) {
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  return digits == "-0" ? "0" : digits;
}

}  // namespace

std::string chart_number(double value, double step) {
  if (value == 0 || std::abs(value) < std::abs(step) * 1e-9) return "0";
  const double size = std::abs(value);
  if (size < 1e-3 || size >= 1e12) return fmt::format("{:.3g}", value);
  double unit = 1;
  const char* suffix = "";
  if (size >= 1e9) {
    unit = 1e9, suffix = "G";
  } else if (size >= 1e6) {
    unit = 1e6, suffix = "M";
  } else if (size >= 1e4) {
    unit = 1e3, suffix = "k";
  }
  const double relative = std::max(std::abs(step) / unit, 1e-9);
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(relative) - 1e-9)), 0, 9);
  return trimmed(fmt::format("{:.{}f}", value / unit, decimals)) + suffix;
}

SvgAxis SvgAxis::linear(Range data, int ticks, bool nice, std::optional<double> low,
                        std::optional<double> high) {
  Range range = opened({low.value_or(data.low), high.value_or(data.high)});
  const double step = nice_step(range.high - range.low, ticks);
  constexpr double kSlack = 1e-9;  // of a step: rounding must not cost or add a tick
  if (nice && !low) range.low = std::floor(range.low / step + kSlack) * step;
  if (nice && !high) range.high = std::ceil(range.high / step - kSlack) * step;

  SvgAxis axis;
  axis.low_ = range.low;
  axis.high_ = range.high;
  const double first = std::ceil(range.low / step - kSlack);
  const double last = std::floor(range.high / step + kSlack);
  for (double i = first; i <= last; ++i) {
    axis.ticks_.push_back(i * step);
    axis.labels_.push_back(chart_number(i * step, step));
  }
  return axis;
}

SvgAxis SvgAxis::logarithmic(Range data, std::optional<double> low, std::optional<double> high) {
  Range range{low.value_or(data.low), high.value_or(data.high)};
  if (!(range.high > range.low)) range = {range.low / 2, range.low * 2};

  std::vector<double> candidates;
  const int first = static_cast<int>(std::floor(std::log10(range.low) + 1e-12));
  const int last = static_cast<int>(std::ceil(std::log10(range.high) - 1e-12));
  const bool in_between = last - first <= 3;
  for (int decade = first; decade <= last; ++decade) {
    for (const double mantissa : {1.0, 2.0, 5.0}) {
      if (mantissa == 1.0 || (in_between && decade < last)) {
        candidates.push_back(mantissa * std::pow(10.0, decade));
      }
    }
  }
  const double below = range.low * (1 + 1e-9), above = range.high * (1 - 1e-9);
  if (!low) range.low = *(std::ranges::upper_bound(candidates, below) - 1);
  if (!high) range.high = *std::ranges::lower_bound(candidates, above);

  SvgAxis axis;
  axis.log_ = true;
  axis.low_ = range.low;
  axis.high_ = range.high;
  const int every = std::max(1, (last - first) / 8);
  for (const double tick : candidates) {
    const int decade = static_cast<int>(std::lround(std::floor(std::log10(tick) + 1e-9)));
    if (tick < range.low * (1 - 1e-9) || tick > range.high * (1 + 1e-9)) continue;
    if (!in_between && (decade - first) % every != 0) continue;
    axis.ticks_.push_back(tick);
    axis.labels_.push_back(chart_number(tick, tick));
  }
  return axis;
}

double SvgAxis::position(double value) const {
  const double share =
      log_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

bool SvgAxis::drawable(double value) const {
  return std::isfinite(value) && (!log_ || value > 0);
}

}  // namespace pandagpt
