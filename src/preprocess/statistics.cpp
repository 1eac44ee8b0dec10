#include "preprocess/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace pandagpt {
namespace {

using Vector = std::array<double, 3>;

Vector operator-(const Vector& a, const Vector& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double length(const Vector& a) {
  return std::sqrt(dot(a, a));
}

Vector mean_of(std::span<const Vector> rows) {
  Vector sum{};
  for (const Vector& row : rows)
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += row[i] / static_cast<double>(rows.size());
  return sum;
}

double square(double x) {
  return x * x;
}

// --- Motion ------------------------------------------------------------------------------------

constexpr std::size_t kAxes = 3;
constexpr std::array kLags{0.02, 0.06, 0.16};  // seconds
constexpr double kSmoothing = 0.3;             // seconds, for how gravity turns
constexpr double kLeastSeconds = 1.0;
// What a sensor at rest shows, added to its deviation: then ratios of noise to noise say nothing.
constexpr double kAccelerationNoise = 0.05;  // m/s^2
constexpr double kRotationNoise = 0.01;      // rad/s

std::vector<Vector> sensor_of(std::span<const float> clip, int n_steps, std::size_t first) {
  const auto steps = static_cast<std::size_t>(n_steps);
  std::vector<Vector> rows(steps);
  for (std::size_t axis = 0; axis < kAxes; ++axis)
    for (std::size_t i = 0; i < steps; ++i)
      rows[i][axis] = clip[(first + axis) * steps + i];
  return rows;
}

/// (3, 3), symmetric.
using Covariance = std::array<Vector, kAxes>;

double determinant(const Covariance& c) {
  return dot(c[0], cross(c[1], c[2]));
}

/// Of rows about their mean: what motion_statistics says of each sensor.
void add_fluctuation(std::vector<Vector> rows, double noise, double step_seconds,
                     std::vector<float>& out) {
  const Vector mean = mean_of(rows);
  Covariance covariance{};
  double fourth = 0;
  const auto n = static_cast<double>(rows.size());
  for (Vector& row : rows) {
    row = row - mean;
    fourth += square(dot(row, row)) / n;
    for (std::size_t i = 0; i < kAxes; ++i)
      for (std::size_t j = 0; j < kAxes; ++j)
        covariance[i][j] += row[i] * row[j] / n;
  }
  const double trace = covariance[0][0] + covariance[1][1] + covariance[2][2];
  const double variance = trace + square(noise);
  out.push_back(static_cast<float>(0.5 * std::log(variance)));
  for (const double seconds : kLags) {
    const auto lag =
        std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(seconds / step_seconds)));
    double sum = 0;
    for (std::size_t i = lag; i < rows.size(); ++i)
      sum += dot(rows[i], rows[i - lag]);
    out.push_back(static_cast<float>(sum / n / variance));
  }
  out.push_back(static_cast<float>(std::log(fourth / square(variance) + 0.1)));
  double squares = 0;
  for (const Vector& row : covariance)
    squares += dot(row, row);
  out.push_back(static_cast<float>(squares / square(variance)));
  out.push_back(static_cast<float>(27 * determinant(covariance) / (square(variance) * variance)));
}

/// Means over `width` rows.
std::vector<Vector> smoothed(std::span<const Vector> rows, std::size_t width) {
  std::vector<Vector> result;
  for (std::size_t i = 0; i + width <= rows.size(); ++i)
    result.push_back(mean_of(rows.subspan(i, width)));
  return result;
}

/// A sensor that turns with w sees gravity g change by -w x g a second.
void add_turning(std::span<const Vector> acceleration, std::span<const Vector> rotation,
                 double step_seconds, std::vector<float>& out) {
  constexpr double kSlow = 0.05;  // (m/s^3)^2, below which nothing turns
  const auto width =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(kSmoothing / step_seconds)));
  const std::vector<Vector> pull = smoothed(acceleration, width);
  const std::vector<Vector> turn = smoothed(rotation, width);
  double both = 0, seen = 0, said = 0, left = 0;
  for (std::size_t i = 1; i + 1 < pull.size(); ++i) {
    Vector change = pull[i + 1] - pull[i - 1];
    for (double& x : change)
      x /= 2 * step_seconds;
    const Vector expected = cross(pull[i], turn[i]);
    both += dot(change, expected);
    seen += dot(change, change);
    said += dot(expected, expected);
    left += dot(change - expected, change - expected);
  }
  const auto n = static_cast<double>(pull.size() - 2);
  out.push_back(static_cast<float>(both / (std::sqrt(seen * said) + 1e-3 * n)));
  out.push_back(static_cast<float>(std::log((left / n + kSlow) / (seen / n + kSlow))));
}

// --- Planes ------------------------------------------------------------------------------------

constexpr int kScales = 5;
static_assert(kLeastPlaneSide == 1 << kScales && kPlaneStatistics == 2 + 4 * kScales);
constexpr double kLeastDeviation = 1e-3;
constexpr double kFlat = 1e-4;  // mean square of differences that are rounding errors

struct Plane {
  std::vector<float> values;
  int height;
  int width;

  float at(int y, int x) const { return values[static_cast<std::size_t>(y) * width + x]; }
};

/// Mean square and kurtosis of at(y + down, x + right) - at(y, x), in logarithms.
void add_differences(const Plane& plane, int down, int right, std::vector<float>& out) {
  double squares = 0, fourths = 0;
  for (int y = 0; y + down < plane.height; ++y)
    for (int x = 0; x + right < plane.width; ++x) {
      const double power = square(plane.at(y + down, x + right) - plane.at(y, x));
      squares += power;
      fourths += square(power);
    }
  const double n = static_cast<double>(plane.height - down) * (plane.width - right);
  out.push_back(static_cast<float>(std::log(squares / n + kFlat)));
  out.push_back(
      static_cast<float>(std::log((fourths / n + square(kFlat)) / square(squares / n + kFlat))));
}

/// Means of 2 x 2 values; an odd row or column at the end is left out.
Plane halved(const Plane& plane) {
  Plane half{{}, plane.height / 2, plane.width / 2};
  half.values.reserve(static_cast<std::size_t>(half.height) * half.width);
  for (int y = 0; y < half.height; ++y)
    for (int x = 0; x < half.width; ++x)
      half.values.push_back((plane.at(2 * y, 2 * x) + plane.at(2 * y, 2 * x + 1) +
                             plane.at(2 * y + 1, 2 * x) + plane.at(2 * y + 1, 2 * x + 1)) /
                            4);
  return half;
}

Plane standardized(std::span<const float> values, int height, int width) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const float value : values)
    sum += value;
  for (const float value : values)
    squares += square(value - sum / n);
  const double deviation = std::max(std::sqrt(squares / n), kLeastDeviation);
  Plane plane{{values.begin(), values.end()}, height, width};
  for (float& value : plane.values)
    value = static_cast<float>((value - sum / n) / deviation);
  return plane;
}

std::vector<float> statistics_of(Plane plane) {
  double cubes = 0, fourths = 0;
  for (const double value : plane.values) {
    cubes += value * value * value;
    fourths += square(square(value));
  }
  const auto n = static_cast<double>(plane.values.size());
  std::vector<float> out{static_cast<float>(cubes / n),
                         static_cast<float>(std::log(fourths / n + 0.1))};
  for (int scale = 0; scale < kScales; ++scale) {
    if (scale > 0) plane = halved(plane);
    add_differences(plane, 0, 1, out);
    add_differences(plane, 1, 0, out);
  }
  return out;
}

bool is_too_small(int height, int width) {
  return height < kLeastPlaneSide || width < kLeastPlaneSide;
}

}  // namespace

std::vector<float> motion_statistics(std::span<const float> clip, int n_steps,
                                     double step_seconds) {
  if (n_steps * step_seconds < kLeastSeconds) return {};
  const std::vector<Vector> acceleration = sensor_of(clip, n_steps, 0);
  const std::vector<Vector> rotation = sensor_of(clip, n_steps, kAxes);
  double pull = 0, turn = 0;
  for (std::size_t i = 0; i < acceleration.size(); ++i) {
    pull += length(acceleration[i]) / n_steps;
    turn += dot(rotation[i], rotation[i]) / n_steps;
  }
  std::vector<float> out{static_cast<float>(std::log(length(mean_of(acceleration)) + 0.1)),
                         static_cast<float>(std::log(pull + 0.1))};
  add_fluctuation(acceleration, kAccelerationNoise, step_seconds, out);
  add_fluctuation(rotation, kRotationNoise, step_seconds, out);
  out.push_back(static_cast<float>(std::log(std::sqrt(turn) + 2 * kRotationNoise)));
  out.push_back(static_cast<float>(std::log(length(mean_of(rotation)) + 2 * kRotationNoise)));
  add_turning(acceleration, rotation, step_seconds, out);
  return out;
}

std::vector<float> plane_statistics(std::span<const float> plane, int height, int width) {
  if (is_too_small(height, width)) return {};
  return statistics_of(standardized(plane, height, width));
}

std::vector<float> sound_statistics(std::span<const float> spectrogram, int n_mel_bins,
                                    int n_frames) {
  if (is_too_small(n_mel_bins, n_frames)) return {};
  const Plane plane = standardized(spectrogram, n_mel_bins, n_frames);
  std::array<double, kSoundBands> bands{};
  std::array<int, kSoundBands> counts{};
  for (int bin = 0; bin < n_mel_bins; ++bin) {
    const auto band = static_cast<std::size_t>(bin * kSoundBands / n_mel_bins);
    for (int frame = 0; frame < n_frames; ++frame)
      bands[band] += plane.at(bin, frame);
    counts[band] += n_frames;
  }
  std::vector<float> out = statistics_of(plane);
  for (std::size_t band = 0; band < bands.size(); ++band)
    out.push_back(static_cast<float>(bands[band] / counts[band]));
  return out;
}

}  // namespace pandagpt
