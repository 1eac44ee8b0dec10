// Names of ImageNet-1k's classes in the usual order (by WordNet id): torchvision's list, in which
// no two classes share a name. The definition is generated from imagenet_labels.txt.
#pragma once

#include <array>

namespace pandagpt {

inline constexpr int kImageNetClasses = 1000;
extern const std::array<const char*, kImageNetClasses> kImageNetLabels;

}  // namespace pandagpt
