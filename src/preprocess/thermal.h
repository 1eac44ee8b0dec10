// Thermal picture -> tensor, as PandaGPT's load_and_transform_thermal_data: the picture transform
// in grey, without normalisation.
#pragma once

#include <vector>

#include "media/image.h"
#include "preprocess/image.h"

namespace pandagpt {

/// (1, size, size), 0 to 1, of a picture that decode_thermal gave. Only the sizes of `transform`
/// count.
std::vector<float> thermal_tensor(const Image& grey,
                                  const ImageTransform& transform = kImageBindTransform);

}  // namespace pandagpt
