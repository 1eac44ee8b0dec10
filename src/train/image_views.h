// Altered copies of training pictures, so that a small data set is not learned by heart.
#pragma once

#include <string>
#include <vector>

#include "media/image.h"
#include "train/random.h"

namespace pandagpt::train {

/// A part of a picture, pixels.
struct PixelBox {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

inline constexpr double kMinCropArea = 0.4;

/// kMinCropArea to all of the area, aspect ratio 3:4 to 4:3, as torchvision's RandomResizedCrop
/// draws them.
PixelBox random_box(int width, int height, Random& random);

/// The pixels of a box, mirrored or not. `from` is (height, width, channels).
template <typename Value>
std::vector<Value> cut_pixels(const std::vector<Value>& from, int width, int channels,
                              const PixelBox& box, bool mirrored) {
  std::vector<Value> pixels;
  pixels.reserve(std::size_t(box.width) * box.height * channels);
  for (int y = 0; y < box.height; ++y)
    for (int x = 0; x < box.width; ++x) {
      const int from_x = box.x + (mirrored ? box.width - 1 - x : x);
      const Value* pixel = &from[(std::size_t(box.y + y) * width + from_x) * channels];
      pixels.insert(pixels.end(), pixel, pixel + channels);
    }
  return pixels;
}
Image cut(const Image& image, const PixelBox& box, bool mirrored);

/// View 0 is the picture as it is, view 1 its mirror image, every further one a random part of it
/// (random_box), mirrored if odd. Deterministic in (`key`, `view`); `key` is the picture's SHA-256.
Image image_view(const Image& image, const std::string& key, int view);

}  // namespace pandagpt::train
