#include "facts/turns.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace pandagpt {
namespace {

constexpr double kDegree = std::numbers::pi / 180;  // rad
constexpr double kUprightSmoothing = 1.0;           // s
constexpr double kLeastRate = 10 * kDegree;         // rad/s
constexpr double kLeastTurn = 45 * kDegree;
constexpr double kLongestPause = 0.5;  // s, within one turn

constexpr double kFalling = 0.4 * kStandardGravity;
constexpr double kImpact = 1.8 * kStandardGravity;
constexpr double kShortestFlight = 0.2, kLongestFlight = 1.2;  // s
constexpr double kImpactWithin = 0.3;                          // s

Vector3 still_rotation(const MotionGrid& grid, const std::vector<bool>& still) {
  Vector3 sum{};
  double count = 0;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (!still[i]) continue;
    ++count;
    for (int axis = 0; axis < 3; ++axis)
      sum[axis] += grid.rotation[i][axis];
  }
  if (count > 0)
    for (double& value : sum)
      value /= count;
  return sum;
}

/// rad/s about the vertical; positive: counter-clockwise, seen from above.
std::vector<double> yaw_rates(const MotionGrid& grid, const std::vector<bool>& still) {
  const std::size_t width = grid.steps_in(kUprightSmoothing);
  std::array<std::vector<double>, 3> up;
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> values;
    for (const Vector3& value : grid.acceleration)
      values.push_back(value[axis]);
    up[axis] = smoothed(values, width);
  }
  const Vector3 offset = still_rotation(grid, still);
  std::vector<double> rates;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const Vector3 upwards{up[0][i], up[1][i], up[2][i]};
    const Vector3& rotation = grid.rotation[i];
    const Vector3 own{rotation[0] - offset[0], rotation[1] - offset[1], rotation[2] - offset[2]};
    const double length = length_of(upwards);
    rates.push_back(length > 0 ? dot(own, upwards) / length : 0);
  }
  return rates;
}

}  // namespace

std::vector<BodyTurn> find_turns(const MotionGrid& grid, const std::vector<bool>& still,
                                 double smoothing) {
  std::vector<BodyTurn> turns;
  if (!grid.has_gravity) return turns;
  const std::vector<double> rates = yaw_rates(grid, still);
  const std::vector<double> slow = smoothed(rates, grid.steps_in(smoothing));
  const std::size_t longest_pause = grid.steps_in(kLongestPause);
  for (std::size_t i = 0; i < slow.size();) {
    if (std::abs(slow[i]) < kLeastRate) {
      ++i;
      continue;
    }
    const bool is_left = slow[i] > 0;
    std::size_t end = i + 1;
    for (std::size_t j = end; j < slow.size() && j - end < longest_pause; ++j) {
      const bool goes_on = std::abs(slow[j]) >= kLeastRate && (slow[j] > 0) == is_left;
      const bool goes_back = std::abs(slow[j]) >= kLeastRate && (slow[j] > 0) != is_left;
      if (goes_back) break;
      if (goes_on) end = j + 1;
    }
    double angle = 0;
    for (std::size_t j = i; j < end; ++j)
      angle += slow[j] * grid.step;
    if (std::abs(angle) >= kLeastTurn) turns.push_back({double(i) * grid.step, angle / kDegree});
    i = end;
  }
  return turns;
}

std::vector<Flight> find_flights(const ImuRecording& recording, bool has_gravity) {
  std::vector<Flight> flights;
  if (!has_gravity) return flights;
  const auto& samples = recording.samples;
  const auto length = [&](std::size_t i) {
    return length_of({samples[i][0], samples[i][1], samples[i][2]});
  };
  for (std::size_t i = 0; i < samples.size();) {
    if (length(i) >= kFalling) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < samples.size() && length(end) < kFalling)
      ++end;
    const double last = end < samples.size() ? recording.seconds[end] : recording.seconds.back();
    const double seconds = last - recording.seconds[i];
    bool has_impact = false;
    for (std::size_t j = end;
         j < samples.size() && recording.seconds[j] - last <= kImpactWithin && !has_impact; ++j)
      has_impact = length(j) >= kImpact;
    if (has_impact && seconds >= kShortestFlight && seconds <= kLongestFlight)
      flights.push_back({recording.seconds[i], seconds});
    i = end;
  }
  return flights;
}

}  // namespace pandagpt
