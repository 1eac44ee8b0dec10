// Altered copies of training pictures, so that a small data set is not learned by heart.
#pragma once

#include <string>

#include "media/image.h"

namespace pandagpt::train {

/// View 0 is the picture as it is, view 1 its mirror image, every further one a random part of it
/// (kMinCropArea to all of the area, aspect ratio 3:4 to 4:3, as torchvision's RandomResizedCrop
/// draws them), mirrored if odd. Deterministic in (`key`, `view`); `key` is the picture's SHA-256.
Image image_view(const Image& image, const std::string& key, int view);

inline constexpr double kMinCropArea = 0.4;

}  // namespace pandagpt::train
