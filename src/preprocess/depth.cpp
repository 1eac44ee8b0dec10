#include "preprocess/depth.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

void check_transform(const DepthTransform& transform) {
  for (const float value : {transform.camera.focal_length, transform.camera.baseline,
                            transform.min_depth, transform.max_depth, transform.max_disparity,
                            transform.std, static_cast<float>(transform.size)})
    if (!(value > 0) || !std::isfinite(value))
      throw Error(ErrorKind::kUsage,
                  "depth: focal length, baseline and limits must be positive numbers");
}

/// Infinite is far away, which is known, too.
bool is_measured(float depth) {
  return !std::isnan(depth);
}

// --- Holes -------------------------------------------------------------------------------------

/// Index of the measured pixel that is nearest to each one, by two sweeps that hand on their
/// neighbours' (Danielsson's way; off by a fraction of a pixel at worst). Of several, the first.
class NearestMeasured {
 public:
  explicit NearestMeasured(const ScalarMap& map)
      : width_(map.width), height_(map.height), source_(map.values.size(), kNone) {
    for (std::size_t i = 0; i < source_.size(); ++i)
      if (is_measured(map.values[i])) source_[i] = static_cast<std::int32_t>(i);
    for (int y = 0; y < height_; ++y) {
      for (int x = 0; x < width_; ++x)
        take(x, y, {{-1, 0}, {-1, -1}, {0, -1}, {1, -1}});
      for (int x = width_ - 1; x >= 0; --x)
        take(x, y, {{1, 0}});
    }
    for (int y = height_ - 1; y >= 0; --y) {
      for (int x = width_ - 1; x >= 0; --x)
        take(x, y, {{1, 0}, {1, 1}, {0, 1}, {-1, 1}});
      for (int x = 0; x < width_; ++x)
        take(x, y, {{-1, 0}});
    }
  }

  std::int32_t operator[](std::size_t i) const { return source_[i]; }

 private:
  static constexpr std::int32_t kNone = -1;
  struct Step {
    int x, y;
  };

  std::int64_t distance(int x, int y, std::int32_t source) const {
    const std::int64_t dx = source % width_ - x;
    const std::int64_t dy = source / width_ - y;
    return dx * dx + dy * dy;
  }

  void take(int x, int y, std::initializer_list<Step> neighbours) {
    std::int32_t& mine = source_[static_cast<std::size_t>(y) * width_ + x];
    for (const Step step : neighbours) {
      const int from_x = x + step.x;
      const int from_y = y + step.y;
      if (from_x < 0 || from_x >= width_ || from_y < 0 || from_y >= height_) continue;
      const std::int32_t theirs = source_[static_cast<std::size_t>(from_y) * width_ + from_x];
      if (theirs != kNone && (mine == kNone || std::pair(distance(x, y, theirs), theirs) <
                                                   std::pair(distance(x, y, mine), mine)))
        mine = theirs;
    }
  }

  int width_, height_;
  std::vector<std::int32_t> source_;
};

/// Metres of every pixel, holes filled.
std::vector<float> filled(const ScalarMap& map, const DepthTransform& transform,
                          const std::string& name) {
  const auto n_measured = std::ranges::count_if(map.values, is_measured);
  if (n_measured == 0) fail(name, "no pixel of the depth map has a depth; give another one");
  std::vector<float> metres = map.values;
  if (double(n_measured) < (1 - kCutOutHoles) * double(map.values.size())) {
    spdlog::debug("{}: only {:.1f} % of the pixels have a depth; the others are background", name,
                  100.0 * double(n_measured) / double(map.values.size()));
    std::ranges::replace_if(
        metres, [](float depth) { return !is_measured(depth); }, transform.max_depth);
    return metres;
  }
  const NearestMeasured nearest(map);
  for (std::size_t i = 0; i < metres.size(); ++i)
    metres[i] = map.values[static_cast<std::size_t>(nearest[i])];
  return metres;
}

}  // namespace

const std::map<std::string, DepthCamera>& depth_cameras() {
  static const std::map<std::string, DepthCamera> kCameras{
      {"kinect1", kKinect1}, {"kinect2", kKinect2}, {"realsense", kRealSense}, {"xtion", kXtion}};
  return kCameras;
}

FloatPlane disparity_plane(const ScalarMap& metres, const std::string& name,
                           const DepthTransform& transform) {
  check_transform(transform);
  if (metres.unit != MapUnit::kMetres)
    throw Error(ErrorKind::kInternal, name + ": the depth map isn't in metres");
  FloatPlane plane{metres.width, metres.height, filled(metres, transform, name)};
  const float focal_times_baseline = transform.camera.focal_length * transform.camera.baseline;
  for (float& value : plane.values) {
    const float depth = std::clamp(value, transform.min_depth, transform.max_depth);
    const float disparity = focal_times_baseline / depth;
    // Omnivore's DepthNorm has the smallest depth as the smallest disparity, too.
    value = std::clamp(disparity, transform.min_depth, transform.max_disparity) /
            transform.max_disparity;
  }
  return plane;
}

std::vector<float> disparity_tensor(const FloatPlane& plane, const DepthTransform& transform) {
  FloatPlane cropped = resize_and_crop(plane, transform.size);
  for (float& value : cropped.values)
    value = (value - transform.mean) / transform.std;
  return std::move(cropped.values);
}

std::vector<float> depth_tensor(const ScalarMap& metres, const std::string& name,
                                const DepthTransform& transform) {
  return disparity_tensor(disparity_plane(metres, name, transform), transform);
}

}  // namespace pandagpt
