#include "facts/motion_signal.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/quantile.h"

namespace pandagpt {
namespace {

// A median length below this is none of a body at rest or walking: gravity was taken out.
constexpr double kLeastWithGravity = 0.6 * kStandardGravity;
constexpr double kAlmost = 0.8;

constexpr double kStillWindow = 0.5;                             // s
constexpr double kStillAcceleration = 0.25;                      // m/s^2, standard deviation
constexpr double kStillRotation = 2.0 * std::numbers::pi / 180;  // rad/s, standard deviation
constexpr double kSlowRotation = 6.0 * std::numbers::pi / 180;   // rad/s: with the offset of phones

Vector3 mean_of(std::span<const Vector3> series) {
  Vector3 mean{};
  for (const Vector3& value : series)
    for (int axis = 0; axis < 3; ++axis)
      mean[axis] += value[axis] / double(series.size());
  return mean;
}

double autocorrelation(std::span<const double> values, std::size_t lag) {
  double product = 0, early = 0, late = 0;
  for (std::size_t i = 0; i + lag < values.size(); ++i) {
    product += values[i] * values[i + lag];
    early += values[i] * values[i];
    late += values[i + lag] * values[i + lag];
  }
  return early > 0 && late > 0 ? product / std::sqrt(early * late) : 0;
}

std::vector<double> about_mean(std::span<const double> values) {
  double mean = 0;
  for (const double value : values)
    mean += value / double(values.size());
  std::vector<double> result(values.begin(), values.end());
  for (double& value : result)
    value -= mean;
  return result;
}

}  // namespace

std::size_t MotionGrid::steps_in(double length) const {
  return static_cast<std::size_t>(std::max(1L, std::lround(length / step)));
}

MotionGrid motion_grid(const ImuRecording& recording) {
  MotionGrid grid;
  grid.step = std::max(recording.step_seconds, 1 / kGridRate);
  const std::vector<double>& seconds = recording.seconds;
  std::vector<double> lengths;
  std::size_t next = 0;
  for (double begin = 0; begin <= seconds.back(); begin += grid.step) {
    const double end = begin + grid.step;
    std::array<double, kImuChannels> sum{};
    int count = 0;
    for (; next < seconds.size() && seconds[next] < end; ++next, ++count)
      for (int channel = 0; channel < kImuChannels; ++channel)
        sum[channel] += recording.samples[next][channel];
    if (count == 0) {  // between two samples
      const auto& near = recording.samples[std::min(next, seconds.size() - 1)];
      std::ranges::copy(near, sum.begin());
      count = 1;
    }
    for (double& value : sum)
      value /= count;
    grid.acceleration.push_back({sum[0], sum[1], sum[2]});
    grid.rotation.push_back({sum[3], sum[4], sum[5]});
    lengths.push_back(length_of(grid.acceleration.back()));
  }
  grid.has_gravity = median_of(std::move(lengths)) >= kLeastWithGravity;
  return grid;
}

std::vector<double> smoothed(std::span<const double> values, std::size_t width) {
  std::vector<double> sums(values.size() + 1);
  for (std::size_t i = 0; i < values.size(); ++i)
    sums[i + 1] = sums[i] + values[i];
  std::vector<double> result(values.size());
  const std::size_t before = width / 2;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t begin = i < before ? 0 : i - before;
    const std::size_t end = std::min(i - std::min(i, before) + width, values.size());
    const std::size_t last = std::max(end, begin + 1);
    result[i] = (sums[last] - sums[begin]) / double(last - begin);
  }
  return result;
}

std::vector<double> along_main_axis(std::span<const Vector3> series) {
  const Vector3 mean = mean_of(series);
  std::array<Vector3, 3> covariance{};
  for (const Vector3& value : series)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j)
        covariance[i][j] += (value[i] - mean[i]) * (value[j] - mean[j]);
  // Power iteration from the axis that varies most.
  int widest = 0;
  for (int axis = 1; axis < 3; ++axis)
    if (covariance[axis][axis] > covariance[widest][widest]) widest = axis;
  Vector3 main{};
  main[widest] = 1;
  for (int round = 0; round < 50; ++round) {
    const Vector3 next{dot(covariance[0], main), dot(covariance[1], main),
                       dot(covariance[2], main)};
    const double length = length_of(next);
    if (!(length > 0)) break;
    main = {next[0] / length, next[1] / length, next[2] / length};
  }
  std::vector<double> result;
  result.reserve(series.size());
  for (const Vector3& value : series)
    result.push_back(dot(value, main) - dot(mean, main));
  return result;
}

double deviation_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : about_mean(values))
    sum += value * value;
  return std::sqrt(sum / double(values.size()));
}

Period period_of(std::span<const double> values, std::size_t shortest, std::size_t longest) {
  const std::vector<double> centred = about_mean(values);
  longest = std::min(longest, values.size() / 2);
  std::vector<double> strengths;  // from shortest - 1 to longest + 1
  for (std::size_t lag = shortest - 1; lag <= longest + 1; ++lag)
    strengths.push_back(autocorrelation(centred, lag));
  const auto is_peak = [&](std::size_t i) {
    return strengths[i] > 0 && strengths[i] >= strengths[i - 1] && strengths[i] > strengths[i + 1];
  };
  double highest = 0;
  for (std::size_t i = 1; i + 1 < strengths.size(); ++i)
    if (is_peak(i)) highest = std::max(highest, strengths[i]);
  for (std::size_t i = 1; i + 1 < strengths.size(); ++i) {
    if (!is_peak(i) || strengths[i] < kAlmost * highest) continue;
    // The parabola through the peak and its neighbours.
    const double bend = strengths[i - 1] - 2 * strengths[i] + strengths[i + 1];
    const double shift = bend < 0 ? 0.5 * (strengths[i - 1] - strengths[i + 1]) / bend : 0;
    return {double(shortest - 1 + i) + shift, strengths[i]};
  }
  return {};
}

double strength_at(std::span<const double> values, double lag) {
  constexpr double kWithin = 0.2;
  const std::vector<double> centred = about_mean(values);
  const auto first = static_cast<std::size_t>(std::max(1.0, std::floor(lag * (1 - kWithin))));
  const auto last = static_cast<std::size_t>(std::ceil(lag * (1 + kWithin)));
  double strongest = -1;
  for (std::size_t at = first; at <= last && at < values.size(); ++at)
    strongest = std::max(strongest, autocorrelation(centred, at));
  return strongest;
}

std::vector<bool> still_samples(const MotionGrid& grid) {
  const std::size_t width = grid.steps_in(kStillWindow);
  std::vector<bool> still(grid.size(), false);
  std::vector<double> lengths, rotations;
  for (std::size_t begin = 0; begin + width <= grid.size(); ++begin) {
    lengths.clear();
    rotations.clear();
    for (std::size_t i = begin; i < begin + width; ++i) {
      lengths.push_back(length_of(grid.acceleration[i]));
      rotations.push_back(length_of(grid.rotation[i]));
    }
    const bool is_still = deviation_of(lengths) < kStillAcceleration &&
                          deviation_of(rotations) < kStillRotation &&
                          std::ranges::max(rotations) < kSlowRotation + 2 * kStillRotation;
    if (is_still) std::fill_n(still.begin() + static_cast<std::ptrdiff_t>(begin), width, true);
  }
  return still;
}

}  // namespace pandagpt
