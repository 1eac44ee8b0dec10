#include "train/image_views.h"

#include <algorithm>
#include <cmath>

#include "train/fnv1a.h"

namespace pandagpt::train {
namespace {

constexpr int kFirstCrop = 2;
constexpr double kMaxAspectRatio = 4.0 / 3.0;
constexpr int kChannels = 3;

Random generator(const std::string& key, int view) {
  const std::uint32_t hash = fnv1a(key.data(), key.size());
  return Random((std::uint64_t{hash} << 32) + static_cast<std::uint64_t>(view));
}

}  // namespace

PixelBox random_box(int width, int height, Random& random) {
  const double area = uniform(random, kMinCropArea, 1.0) * width * height;
  const double log_ratio = std::log(kMaxAspectRatio);
  const double ratio = std::exp(uniform(random, -log_ratio, log_ratio));
  PixelBox box;
  box.width = std::clamp(static_cast<int>(std::lround(std::sqrt(area * ratio))), 1, width);
  box.height = std::clamp(static_cast<int>(std::lround(std::sqrt(area / ratio))), 1, height);
  box.x = static_cast<int>(uniform(random, 0, width - box.width + 1));
  box.y = static_cast<int>(uniform(random, 0, height - box.height + 1));
  return box;
}

Image cut(const Image& image, const PixelBox& box, bool mirrored) {
  return {box.width, box.height, cut_pixels(image.rgb, image.width, kChannels, box, mirrored)};
}

Image image_view(const Image& image, const std::string& key, int view) {
  if (view == 0) return image;
  PixelBox box{0, 0, image.width, image.height};
  if (view >= kFirstCrop) {
    Random random = generator(key, view);
    box = random_box(image.width, image.height, random);
  }
  return cut(image, box, view % 2 == 1);
}

}  // namespace pandagpt::train
