#include "preprocess/thermal.h"

namespace pandagpt {

std::vector<float> thermal_tensor(const Image& grey, const ImageTransform& transform) {
  constexpr int kChannels = 3;  // all the same
  const Image cropped = resize_and_crop(grey, transform);
  std::vector<float> tensor(cropped.rgb.size() / kChannels);
  for (std::size_t i = 0; i < tensor.size(); ++i)
    tensor[i] = static_cast<float>(cropped.rgb[kChannels * i]) / 255.0F;
  return tensor;
}

}  // namespace pandagpt
