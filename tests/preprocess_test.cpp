// Resizing, cropping and normalising: bit by bit what Pillow and torchvision give.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "media/jpeg.h"
#include "pandagpt/error.h"
#include "preprocess/image.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

nlohmann::json read_json(const std::string& name) {
  std::ifstream in(fs::path(PANDAGPT_FIXTURES) / name);
  return nlohmann::json::parse(in);
}

// The expected results under one key of the manifest.
nlohmann::json expected(const std::string& key) {
  nlohmann::json entries = read_json("preprocess/manifest.json").at(key);
  EXPECT_FALSE(entries.empty());
  return entries;
}

// The picture that noise() of tools/reference/make_image_fixtures.py draws.
Image noise(int width, int height) {
  Image image{width, height, Bytes(std::size_t(3) * width * height)};
  std::uint32_t state = 1;
  for (std::uint8_t& sample : image.rgb) {
    state = state * 1664525 + 1013904223;
    sample = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

Image noise(const nlohmann::json& size) {
  return noise(size[0].get<int>(), size[1].get<int>());
}

TEST(Resize, IsPillowsBitByBit) {
  for (const auto& entry : expected("resize")) {
    const Image result = resize_bicubic(noise(entry["source"]), entry["size"][0], entry["size"][1]);
    EXPECT_EQ(result.width, entry["size"][0]);
    EXPECT_EQ(result.height, entry["size"][1]);
    EXPECT_EQ(sha256_hex(result.rgb), entry["sha256"]) << entry;
  }
}

TEST(Crop, IsTorchvisionsBitByBit) {
  for (const auto& entry : expected("crop_224")) {
    const Image result = resize_and_crop(noise(entry["source"]), kImageBindTransform);
    EXPECT_EQ(sha256_hex(result.rgb), entry["sha256"]) << entry;
  }
}

TEST(Crop, RoundsAndPadsAsTorchvision) {
  for (const auto& entry : expected("center_crop")) {
    const Image result = center_crop(noise(entry["source"]), entry["size"], entry["size"]);
    EXPECT_EQ(sha256_hex(result.rgb), entry["sha256"]) << entry;
  }
}

TEST(Crop, OfAHugeResultNeedsOnlyItsWindow) {
  // Resized as a whole it would have 224 x 44,800,000 pixels, 30 GB.
  const Image result = resize_and_crop(noise(1, 200'000), kImageBindTransform);
  EXPECT_EQ(result.width, 224);
  EXPECT_EQ(result.height, 224);
}

TEST(Crop, SmallerResizeThanCropIsPadded) {
  const ImageTransform transform{.size = 30, .resize_short_side = 20};
  const Image result = resize_and_crop(noise(40, 40), transform);
  const Image direct = center_crop(resize_bicubic(noise(40, 40), 20, 20), 30, 30);
  EXPECT_EQ(result.rgb, direct.rgb);
  EXPECT_EQ(result.rgb.front(), 0);
}

// From the file to the crop; JPEG too where libjpeg decodes it as Pillow's does.
TEST(Crop, OfEveryFixtureIsTheReferences) {
  int compared = 0;
  for (const auto& entry : read_json("images/manifest.json")) {
    const std::string name = entry["file"];
    if (name.ends_with(".jpg") && !has_libjpeg()) continue;
    const Image image = load_image(fs::path(PANDAGPT_FIXTURES) / "images" / name);
    EXPECT_EQ(sha256_hex(resize_and_crop(image, kImageBindTransform).rgb), entry["crop_sha256"])
        << name;
    ++compared;
  }
  EXPECT_GE(compared, 30);
}

std::string float_sha256(const std::vector<float>& values) {
  Bytes bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return sha256_hex(bytes);
}

TEST(Tensor, IsTorchvisionsBitByBit) {
  for (const auto& entry : expected("tensor")) {
    const ImageTransform transform =
        entry["stats"] == "lite" ? kEfficientNetLiteTransform : kImageBindTransform;
    const Image image = noise(entry["source"]);
    EXPECT_EQ(float_sha256(image_tensor(image, transform, TensorLayout::kHwc)),
              entry["hwc_sha256"]);
    EXPECT_EQ(float_sha256(image_tensor(image, transform, TensorLayout::kChw)),
              entry["chw_sha256"]);
  }
}

TEST(Tensor, RefusesWrongSizes) {
  std::vector<float> out(std::size_t(3) * 224 * 224);
  EXPECT_THROW(to_tensor(noise(223, 224), kImageBindTransform, out.data()), Error);
  EXPECT_THROW(resize_bicubic(noise(4, 4), 0, 4), Error);
  EXPECT_THROW(center_crop(noise(4, 4), 4, -1), Error);
  EXPECT_THROW(resize_and_crop(Image{}, kImageBindTransform), Error);
}

}  // namespace
}  // namespace pandagpt
