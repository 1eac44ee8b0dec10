// Resizing of one channel of floats.
#pragma once

#include <vector>

namespace pandagpt {

/// One channel, [height, width], row-major.
struct FloatPlane {
  int width = 0;
  int height = 0;
  std::vector<float> values;
};

/// torchvision's Resize(size, antialias=True) with CenterCrop(size) of a tensor: bilinear with a
/// triangle as wide as an output pixel, the shorter side becomes `size`. The result is size x size;
/// only its pixels are computed.
FloatPlane resize_and_crop(const FloatPlane& plane, int size);

}  // namespace pandagpt
