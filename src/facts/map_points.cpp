#include "facts/map_points.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/quantile.h"

namespace pandagpt {
namespace {

constexpr double kLowQuantile = 0.01;
constexpr double kHighQuantile = 0.99;
constexpr double kDeadShare = 0.5;  // of what lies between those
constexpr int kFewestNeighbours = 3;

class Extremes {
 public:
  Extremes(int width, int height, std::span<const float> values, double dead_step)
      : width_(width), height_(height), values_(values), dead_step_(dead_step) {}

  /// `sign`: 1 for the highest, -1 for the lowest.
  MapPoint find(float sign) const {
    std::ptrdiff_t best = -1;
    std::ptrdiff_t best_of_all = -1;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const float value = sign * values_[i];
      if (!std::isfinite(value)) continue;
      if (best_of_all < 0 || value > sign * values_[best_of_all]) best_of_all = i;
      if ((best < 0 || value > sign * values_[best]) && !is_dead(i, sign)) best = i;
    }
    const std::ptrdiff_t found = best < 0 ? best_of_all : best;
    return {static_cast<int>(found % width_), static_cast<int>(found / width_), values_[found]};
  }

 private:
  bool is_dead(std::size_t at, float sign) const {
    if (!(dead_step_ > 0)) return false;
    const int x = static_cast<int>(at % width_);
    const int y = static_cast<int>(at / width_);
    const double limit = sign * values_[at] - dead_step_;
    int n_neighbours = 0;
    for (int row = std::max(y - 1, 0); row <= std::min(y + 1, height_ - 1); ++row)
      for (int column = std::max(x - 1, 0); column <= std::min(x + 1, width_ - 1); ++column) {
        const float value = sign * values_[static_cast<std::size_t>(row) * width_ + column];
        if ((row == y && column == x) || !std::isfinite(value)) continue;
        if (value >= limit) return false;
        ++n_neighbours;
      }
    return n_neighbours >= kFewestNeighbours;
  }

  int width_, height_;
  std::span<const float> values_;
  double dead_step_;
};

}  // namespace

std::optional<MapExtremes> map_extremes(int width, int height, std::span<const float> values) {
  std::vector<float> finite;
  finite.reserve(values.size());
  double sum = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    finite.push_back(value);
    sum += value;
  }
  if (finite.empty()) return std::nullopt;
  MapExtremes found;
  found.n_measured = finite.size();
  found.mean = sum / double(finite.size());
  // Each half holds one of the outer quantiles, once the middle is in its place.
  const std::span all(finite);
  const auto middle = static_cast<std::size_t>(std::llround(0.5 * double(finite.size() - 1)));
  found.median = quantile_of(all, 0.5);
  const double low = quantile_of(all.first(middle + 1), 2 * kLowQuantile);
  const double high = quantile_of(all.subspan(middle), 2 * kHighQuantile - 1);
  const double spread = high - low;
  const Extremes extremes(width, height, values, kDeadShare * spread);
  found.lowest = extremes.find(-1);
  found.highest = extremes.find(1);
  return found;
}

}  // namespace pandagpt
