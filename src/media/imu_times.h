// When the samples of a motion recording were taken.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/quantile.h"

namespace pandagpt {

inline constexpr double kLowestImuRate = 5;        ///< Hz
inline constexpr double kHighestImuRate = 10'000;  ///< Hz

/// "0.0083", "1.2e+03": three digits, for messages.
std::string short_number(double value);

struct ImuTimes {
  std::vector<double> seconds;  ///< on the file's clock
  double step = 0;              ///< usual seconds between two samples
  double factor = 1;            ///< seconds of the unit of the numbers that were given
  std::string unit;             ///< "ms"
  std::string why;              ///< where the unit or the rate is from
  /// Whole numbers, of which nothing but their distance tells the unit.
  bool is_guess = false;
};

/// Times of a column in seconds. Without a `unit` it is the one in which the numbers are a date
/// (seconds, ms, us or ns since 1970), or in which the rate is from 5 Hz to 10 kHz. Numbers that
/// no unit fits, such as ticks of 1/32768 s, are scaled by `rate_hz`, if it is given. Throws
/// Error(kInput), "NAME: what; what to do".
ImuTimes times_of_column(std::span<const double> times, std::optional<double> unit,
                         std::optional<double> rate_hz, const std::string& name);

/// Times by the rate. `counts` may hold numbers of the samples, so that lost ones leave a gap;
/// where they don't rise by one from sample to sample, as a rule, they aren't used. Throws
/// Error(kInput) for a rate out of range.
ImuTimes times_by_rate(std::size_t n_samples, std::span<const double> counts, double rate_hz,
                       const std::string& name);

/// Whether numbers count samples: whole, and one after another.
bool is_counter(std::span<const double> values);

/// Whether the times have the rate, by their usual or their mean distance; 5 % are allowed.
bool has_rate(const ImuTimes& times, double rate_hz);

}  // namespace pandagpt
