#include "encoders/picture_keys.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

// More is no picture that a photo would be scaled to before its middle is cut out.
constexpr int kMaxResizeFactor = 16;

[[noreturn]] void fail(const GgufFile& file, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " + what);
}

std::array<float, 3> channel_values(const GgufFile& file, const std::string& key) {
  const std::vector<float> values = file.get_f32_array(key);
  if (values.size() != 3)
    fail(file, key + " has " + std::to_string(values.size()) + " values, not 3");
  return {values[0], values[1], values[2]};
}

}  // namespace

ImageTransform read_image_transform(const GgufFile& file, TowerKind kind, int size) {
  const std::string short_side = tower_key(kind, keys::kResizeShortSide);
  const std::string deviation = tower_key(kind, keys::kImageStd);
  ImageTransform transform;
  transform.size = size;
  transform.resize_short_side = static_cast<int>(file.get_u32(short_side));
  transform.mean = channel_values(file, tower_key(kind, keys::kImageMean));
  transform.std = channel_values(file, deviation);
  if (transform.resize_short_side < size || transform.resize_short_side > kMaxResizeFactor * size)
    fail(file, short_side + " is " + std::to_string(transform.resize_short_side) + ", not " +
                   std::to_string(size) + " to " + std::to_string(kMaxResizeFactor * size));
  if (!std::ranges::all_of(transform.std, [](float value) { return value > 0; }))
    fail(file, deviation + " must be positive");
  return transform;
}

void write_image_transform(GgufWriter& writer, TowerKind kind, const ImageTransform& transform) {
  writer.set_u32(tower_key(kind, keys::kResizeShortSide),
                 static_cast<std::uint32_t>(transform.resize_short_side));
  writer.set_f32_array(tower_key(kind, keys::kImageMean), transform.mean);
  writer.set_f32_array(tower_key(kind, keys::kImageStd), transform.std);
}

}  // namespace pandagpt
