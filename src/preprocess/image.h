// Decoded picture -> normalised square tensor, equal to Pillow + torchvision.
//
// The reference (ImageBind's load_and_transform_vision_data) does Resize(224, BICUBIC),
// CenterCrop(224), ToTensor, Normalize(mean, std) on a Pillow image.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "media/image.h"

namespace pandagpt {

/// Per-channel statistics of values in [0, 1], in the order R, G, B.
struct ChannelStats {
  std::array<float, 3> mean;
  std::array<float, 3> std;
};

/// CLIP's and ImageBind's (imagebind/data.py).
inline constexpr ChannelStats kImageBindStats{{0.48145466F, 0.4578275F, 0.40821073F},
                                              {0.26862954F, 0.26130258F, 0.27577711F}};
/// EfficientNet-Lite's: (value - 127) / 128, as its TensorFlow training code does. Lite0 finds the
/// class of 85.0 % of 1,000 ImageNet photos with it, of 74.7 % with the usual ImageNet statistics.
inline constexpr ChannelStats kEfficientNetLiteStats{
    {127.0F / 255.0F, 127.0F / 255.0F, 127.0F / 255.0F},
    {128.0F / 255.0F, 128.0F / 255.0F, 128.0F / 255.0F}};

struct ImageTransform {
  int size = 224;               ///< side of the centre crop, pixels
  int resize_short_side = 224;  ///< length of the shorter side after resizing, pixels
  std::array<float, 3> mean = kImageBindStats.mean;
  std::array<float, 3> std = kImageBindStats.std;
};

inline constexpr ImageTransform kImageBindTransform{};
inline constexpr ImageTransform kEfficientNetLiteTransform{224, 224, kEfficientNetLiteStats.mean,
                                                           kEfficientNetLiteStats.std};

/// Order of the numbers in an image tensor.
enum class TensorLayout {
  kHwc,  ///< [size, size, 3]
  kChw,  ///< [3, size, size]
};

/// Image.resize((width, height), BICUBIC) of Pillow 13: antialiased, 8-bit fixed point, bit-exact.
/// (Older versions always start with the horizontal pass, which can differ by one level for tall
/// pictures.)
/// Throws Error(kUsage) when a size is not positive.
Image resize_bicubic(const Image& image, int width, int height);

/// torchvision's CenterCrop: the offset is (side - crop) / 2 rounded half to even, and an image
/// smaller than the crop is first padded with black.
/// Throws Error(kUsage) when a size is not positive.
Image center_crop(const Image& image, int width, int height);

/// Where a square crop lies in a picture that is resized first.
struct CropWindow {
  std::int64_t full_width;  ///< of the whole resized picture, pixels
  std::int64_t full_height;
  std::int64_t left;  ///< of the crop in it; negative when the picture is smaller than the crop
  std::int64_t top;
};

/// Resize(short_side) with torchvision's rule (the longer side is truncated to whole pixels), then
/// CenterCrop(size).
CropWindow crop_window(int width, int height, int short_side, int size);

/// The picture resized and cropped by crop_window. The result is size x size.
Image resize_and_crop(const Image& image, const ImageTransform& transform);

/// (value / 255 - mean) / std for a size x size image; `out` takes size * size * 3 floats.
/// Throws Error(kUsage) when the image has another size.
void to_tensor(const Image& image, const ImageTransform& transform, float* out,
               TensorLayout layout = TensorLayout::kHwc);

/// resize_and_crop, then to_tensor.
std::vector<float> image_tensor(const Image& image, const ImageTransform& transform,
                                TensorLayout layout = TensorLayout::kHwc);

}  // namespace pandagpt
