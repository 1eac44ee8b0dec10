#include "train/image_views.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "train/fnv1a.h"

namespace pandagpt::train {
namespace {

constexpr int kFirstCrop = 2;
constexpr double kMaxAspectRatio = 4.0 / 3.0;
constexpr int kChannels = 3;

struct Box {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// std::mt19937_64's numbers are the same everywhere; the standard's distributions are not.
double uniform(std::mt19937_64& random, double low, double high) {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  return low + (high - low) * static_cast<double>(random() >> 11) * kScale;
}

std::mt19937_64 generator(const std::string& key, int view) {
  const std::uint32_t hash = fnv1a(key.data(), key.size());
  return std::mt19937_64((std::uint64_t{hash} << 32) + static_cast<std::uint64_t>(view));
}

Box random_box(const Image& image, std::mt19937_64& random) {
  const double area = uniform(random, kMinCropArea, 1.0) * image.width * image.height;
  const double log_ratio = std::log(kMaxAspectRatio);
  const double ratio = std::exp(uniform(random, -log_ratio, log_ratio));
  Box box;
  box.width = std::clamp(static_cast<int>(std::lround(std::sqrt(area * ratio))), 1, image.width);
  box.height = std::clamp(static_cast<int>(std::lround(std::sqrt(area / ratio))), 1, image.height);
  box.x = static_cast<int>(uniform(random, 0, image.width - box.width + 1));
  box.y = static_cast<int>(uniform(random, 0, image.height - box.height + 1));
  return box;
}

Image cut(const Image& image, const Box& box, bool mirrored) {
  Image result{box.width, box.height, Bytes(std::size_t(box.width) * box.height * kChannels)};
  std::uint8_t* to = result.rgb.data();
  for (int y = 0; y < box.height; ++y) {
    const std::uint8_t* row =
        &image.rgb[(std::size_t(box.y + y) * image.width + box.x) * kChannels];
    for (int x = 0; x < box.width; ++x, to += kChannels)
      std::memcpy(to, row + std::size_t(mirrored ? box.width - 1 - x : x) * kChannels, kChannels);
  }
  return result;
}

}  // namespace

Image image_view(const Image& image, const std::string& key, int view) {
  if (view == 0) return image;
  Box box{0, 0, image.width, image.height};
  if (view >= kFirstCrop) {
    std::mt19937_64 random = generator(key, view);
    box = random_box(image, random);
  }
  return cut(image, box, view % 2 == 1);
}

}  // namespace pandagpt::train
