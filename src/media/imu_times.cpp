#include "media/imu_times.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

struct TimeUnit {
  double seconds;
  const char* name;
};
constexpr TimeUnit kUnits[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};

/// Above it, a rate that nothing but a guess speaks for isn't believed: motion is recorded with
/// less, and ticks of some clock look like it.
constexpr double kHighestGuessedRate = 1200;  // Hz
constexpr const char* kNameTheUnit =
    "name the time column with its unit (time_s, time_ms, time_us, time_ns), or give the rate "
    "(--imu-rate, in requests rate_hz)";

std::vector<double> steps_of(std::span<const double> times) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < times.size(); ++i)
    if (const double step = times[i] - times[i - 1]; std::isfinite(step)) steps.push_back(step);
  return steps;
}

bool is_whole(double value) {
  return value == std::floor(value);
}

bool are_whole(std::span<const double> values) {
  return std::ranges::all_of(values,
                             [](double value) { return !std::isfinite(value) || is_whole(value); });
}

bool is_rate(double rate) {
  return rate >= kLowestImuRate && rate <= kHighestImuRate;
}

/// The unit in which `time` lies between the years 2001 and 2096.
const TimeUnit* unit_of_date(double time) {
  for (const TimeUnit& unit : kUnits)
    if (time * unit.seconds > 1e9 && time * unit.seconds < 4e9) return &unit;
  return nullptr;
}

struct Guess {
  double unit;
  std::string name;
  std::string why;
  bool is_certain;
};

/// The mean of the steps, without gaps: whole ticks round each of them, but not their sum.
double mean_step(std::span<const double> times, double usual) {
  double sum = 0;
  int n = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    const double step = times[i] - times[i - 1];
    if (std::abs(step - usual) > usual / 2) continue;
    sum += step;
    ++n;
  }
  return n > 0 ? sum / n : usual;
}

Guess guess_unit(std::span<const double> times, double step, std::optional<double> rate_hz,
                 const std::string& name) {
  const TimeUnit* of_date = unit_of_date(times.front());
  if (of_date != nullptr && is_rate(1 / (step * of_date->seconds)))
    return {of_date->seconds, of_date->name, "the times are dates in it", true};
  std::vector<TimeUnit> fitting;
  for (const TimeUnit& unit : kUnits)
    if (is_rate(1 / (step * unit.seconds))) fitting.push_back(unit);
  const bool is_believable =
      !fitting.empty() && 1 / (step * fitting.front().seconds) <= kHighestGuessedRate;
  if (!is_believable && rate_hz && is_rate(*rate_hz)) {
    const double tick = 1 / (*rate_hz * mean_step(times, step));
    return {tick, "ticks of " + short_number(1e6 * tick) + " us", "the rate that was given", true};
  }
  if (fitting.empty())
    fail(name,
         "the times are " + short_number(step) + " apart, which no unit fits; " + kNameTheUnit);
  const TimeUnit& unit = fitting.front();
  if (!is_believable)
    fail(name, "the times are " + short_number(step) + " apart and have no unit: in " + unit.name +
                   " that would be " + short_number(1 / (step * unit.seconds)) + " Hz; " +
                   kNameTheUnit);
  const bool is_certain = fitting.size() == 1 && !are_whole(times);
  return {unit.seconds, unit.name, "the distance of the times", is_certain};
}

}  // namespace

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

bool is_counter(std::span<const double> values) {
  constexpr double kMost = 0.9;  // of the steps
  if (values.size() < 3 || !are_whole(values)) return false;
  const std::vector<double> steps = steps_of(values);
  const auto ones = std::ranges::count(steps, 1.0);
  return static_cast<double>(ones) >= kMost * static_cast<double>(values.size() - 1);
}

ImuTimes times_of_column(std::span<const double> times, std::optional<double> unit,
                         std::optional<double> rate_hz, const std::string& name) {
  const std::vector<double> steps = steps_of(times);
  if (steps.empty()) fail(name, "one sample only; give a longer recording");
  const double step = median_of(steps);
  if (!(step > 0)) fail(name, "the times don't rise; correct the time column");
  ImuTimes result;
  double factor = 0;
  if (unit) {
    factor = *unit;
    result.why = "its name";
    for (const TimeUnit& one : kUnits)
      if (one.seconds == factor) result.unit = one.name;
  } else {
    const Guess guess = guess_unit(times, step, rate_hz, name);
    factor = guess.unit;
    result.unit = guess.name;
    result.why = guess.why;
    result.is_guess = !guess.is_certain;
  }
  result.factor = factor;
  result.step = step * factor;
  if (!is_rate(1 / result.step))
    fail(name, "a rate of " + short_number(1 / result.step) + " Hz is out of the range of " +
                   short_number(kLowestImuRate) + " to " + short_number(kHighestImuRate) +
                   " Hz; correct the time column");
  result.seconds.reserve(times.size());
  for (const double time : times)
    result.seconds.push_back(time * factor);
  return result;
}

ImuTimes times_by_rate(std::size_t n_samples, std::span<const double> counts, double rate_hz,
                       const std::string& name) {
  if (!is_rate(rate_hz))
    fail(name, "a rate of " + short_number(rate_hz) + " Hz is out of the range of " +
                   short_number(kLowestImuRate) + " to " + short_number(kHighestImuRate) +
                   " Hz; give the right one");
  ImuTimes result;
  result.step = 1 / rate_hz;
  result.unit = "samples";
  result.seconds.resize(n_samples);
  for (std::size_t i = 0; i < n_samples; ++i)
    result.seconds[i] = static_cast<double>(i) / rate_hz;
  if (counts.size() != n_samples || !is_counter(counts)) return result;
  double ahead = 0;  // of the counter, which begins again at 0 after so many bits
  for (std::size_t i = 1; i < n_samples; ++i) {
    double step = counts[i] - counts[i - 1];
    for (const double end : {256.0, 65536.0, 4294967296.0})
      if (step < 0 && counts[i - 1] < end && step + end > 0 && step + end < end / 2) {
        ahead += end;
        step += end;
      }
    if (!(step > 0)) {  // no counter of these samples
      for (std::size_t j = 0; j < n_samples; ++j)
        result.seconds[j] = static_cast<double>(j) / rate_hz;
      return result;
    }
    result.seconds[i] = (counts[i] - counts.front() + ahead) / rate_hz;
  }
  return result;
}

bool has_rate(const ImuTimes& times, double rate_hz) {
  constexpr double kAllowed = 0.05;
  const std::vector<double>& seconds = times.seconds;
  const double mean = static_cast<double>(seconds.size() - 1) / (seconds.back() - seconds.front());
  const auto is_near = [&](double found) { return std::abs(found - rate_hz) <= kAllowed * found; };
  return is_near(1 / times.step) || is_near(mean);
}

}  // namespace pandagpt
