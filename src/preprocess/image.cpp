#include "preprocess/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "pandagpt/error.h"
#include "preprocess/resample.h"

namespace pandagpt {
namespace {

constexpr int kChannels = 3;
constexpr int kLevels = 256;

void check_positive(int width, int height) {
  if (width < 1 || height < 1)
    throw Error(ErrorKind::kUsage, "image size " + std::to_string(width) + " x " +
                                       std::to_string(height) + " must be positive");
}

// Offset of a centred crop. torchvision: int(round((side - crop) / 2.0)), Python's half to even.
std::int64_t crop_offset(std::int64_t side, int crop) {
  const std::int64_t difference = side - crop;
  const std::int64_t half = difference / 2;
  return difference % 2 == 0 ? half : half + half % 2;
}

// torchvision's Resize(short_side): the longer side is int(short_side * long / short).
std::int64_t scaled_side(int side, int shortest, int short_side) {
  if (side == shortest) return short_side;
  return static_cast<std::int64_t>(static_cast<double>(std::int64_t{short_side} * side) / shortest);
}

// Where the picture lies in a crop that is wider than it: torchvision pads before it cuts.
struct PaddedAxis {
  int side;     ///< the picture's
  int padding;  ///< black pixels before it
};

PaddedAxis padded(int side, int crop) {
  return {side, side < crop ? (crop - side) / 2 : 0};
}

// The values that the 256 levels of each channel become.
using LevelTable = std::array<std::array<float, kLevels>, kChannels>;

LevelTable make_levels(const ImageTransform& transform) {
  LevelTable table{};
  for (int channel = 0; channel < kChannels; ++channel)
    for (int level = 0; level < kLevels; ++level)
      table[channel][level] =
          (static_cast<float>(level) / 255.0F - transform.mean[channel]) / transform.std[channel];
  return table;
}

}  // namespace

Image resize_bicubic(const Image& image, int width, int height) {
  check_positive(width, height);
  check_positive(image.width, image.height);
  return resample_bicubic(image, {width, 0, width}, {height, 0, height});
}

Image center_crop(const Image& image, int width, int height) {
  check_positive(width, height);
  check_positive(image.width, image.height);
  const PaddedAxis x = padded(image.width, width);
  const PaddedAxis y = padded(image.height, height);
  const auto left = x.padding > 0 ? 0 : crop_offset(std::max(x.side, width), width);
  const auto top = y.padding > 0 ? 0 : crop_offset(std::max(y.side, height), height);
  Image out{width, height, Bytes(static_cast<std::size_t>(kChannels) * width * height)};
  const std::size_t row_bytes = kChannels * static_cast<std::size_t>(std::min(width, image.width));
  for (int row = 0; row < std::min(height, image.height); ++row) {
    const std::size_t from = (static_cast<std::size_t>(top) + row) * image.width + left;
    const std::size_t to = (static_cast<std::size_t>(y.padding) + row) * width + x.padding;
    std::memcpy(&out.rgb[kChannels * to], &image.rgb[kChannels * from], row_bytes);
  }
  return out;
}

CropWindow crop_window(int width, int height, int short_side, int size) {
  check_positive(width, height);
  check_positive(short_side, size);
  const int shortest = std::min(width, height);
  const std::int64_t full_width = scaled_side(width, shortest, short_side);
  const std::int64_t full_height = scaled_side(height, shortest, short_side);
  return {full_width, full_height, crop_offset(full_width, size), crop_offset(full_height, size)};
}

Image resize_and_crop(const Image& image, const ImageTransform& transform) {
  const CropWindow window =
      crop_window(image.width, image.height, transform.resize_short_side, transform.size);
  const auto [width, height, left, top] = window;
  if (width < transform.size || height < transform.size)  // needs padding, which is rare and small
    return center_crop(resample_bicubic(image, {width, 0, int(width)}, {height, 0, int(height)}),
                       transform.size, transform.size);
  // Only what the crop keeps is computed: a picture of 1 x 100,000 would else become
  // 224 x 22,400,000 first.
  return resample_bicubic(image, {width, left, transform.size}, {height, top, transform.size});
}

void to_tensor(const Image& image, const ImageTransform& transform, float* out,
               TensorLayout layout) {
  if (image.width != transform.size || image.height != transform.size)
    throw Error(ErrorKind::kUsage, "to_tensor: image of " + std::to_string(image.width) + " x " +
                                       std::to_string(image.height) + ", expected " +
                                       std::to_string(transform.size) + " squared");
  const LevelTable levels = make_levels(transform);
  const std::size_t pixels = static_cast<std::size_t>(transform.size) * transform.size;
  const std::size_t pixel_step = layout == TensorLayout::kHwc ? kChannels : 1;
  const std::size_t channel_step = layout == TensorLayout::kHwc ? 1 : pixels;
  const std::uint8_t* in = image.rgb.data();
  for (std::size_t i = 0; i < pixels; ++i, in += kChannels)
    for (std::size_t channel = 0; channel < kChannels; ++channel)
      out[i * pixel_step + channel * channel_step] = levels[channel][in[channel]];
}

std::vector<float> image_tensor(const Image& image, const ImageTransform& transform,
                                TensorLayout layout) {
  std::vector<float> tensor(static_cast<std::size_t>(kChannels) * transform.size * transform.size);
  to_tensor(resize_and_crop(image, transform), transform, tensor.data(), layout);
  return tensor;
}

}  // namespace pandagpt
