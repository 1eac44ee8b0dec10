#include "preprocess/media_transforms.h"

namespace pandagpt {

std::vector<float> picture_tensors(std::span<const Image> images,
                                   const MediaTransforms& transforms) {
  std::vector<float> values;
  for (const Image& image : images) {
    const std::vector<float> tensor =
        image_tensor(image, transforms.picture, transforms.picture_layout);
    values.insert(values.end(), tensor.begin(), tensor.end());
  }
  return values;
}

}  // namespace pandagpt
