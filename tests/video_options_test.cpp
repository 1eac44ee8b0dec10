// Where frames are made other than the reference's decoder makes them: HDR, pixels that aren't
// square. The films: tools/reference/make_thermal_fixtures.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "media/video.h"

namespace pandagpt {
namespace {

std::filesystem::path film(const std::string& name) {
  return std::filesystem::path(PANDAGPT_FIXTURES) / "sensors" / name;
}

/// Of the middle of each stripe of 16 columns.
std::vector<int> stripes(VideoReader video) {
  const Image image = video.frame(0);
  std::vector<int> levels;
  for (int x = 8; x < image.width; x += 16) {
    const std::uint8_t* pixel = &image.rgb[3 * (std::size_t(16) * image.width + x)];
    EXPECT_NEAR(pixel[0], pixel[1], 2) << x;  // grey stays grey
    EXPECT_NEAR(pixel[2], pixel[1], 2) << x;
    levels.push_back(pixel[1]);
  }
  return levels;
}

/// Of light that isn't rolled off: BT.1886, white at 203 cd/m^2.
double level_of(double light) {
  return 255 * std::pow(light / 203, 1 / 2.4);
}

TEST(Hdr, Hdr10IsMappedToTheStandardRange) {
  VideoReader video(film("hdr10.mkv"));
  EXPECT_TRUE(video.info().is_hdr);
  const std::vector<int> levels = stripes(std::move(video));  // 0.5, 5, 50, 100, 203, 1000 cd/m^2
  ASSERT_EQ(levels.size(), 6U);
  EXPECT_NEAR(levels[0], level_of(0.5), 3);
  EXPECT_NEAR(levels[1], level_of(5), 3);
  EXPECT_NEAR(levels[2], level_of(50), 3);
  EXPECT_GT(levels[3], 150);
  EXPECT_GT(levels[4], levels[3]);
  EXPECT_LT(levels[4], 245);  // room for what is brighter than white
  EXPECT_NEAR(levels[5], 255, 2);
}

TEST(Hdr, HlgIsMappedToTheStandardRange) {
  const std::vector<int> levels = stripes(VideoReader(film("hlg.mkv")));
  ASSERT_EQ(levels.size(), 6U);
  // Light of the scene to the display's: 1000 * E^1.2.
  EXPECT_NEAR(levels[1], level_of(1000 * std::pow(0.01, 1.2)), 4);
  EXPECT_NEAR(levels[2], level_of(1000 * std::pow(0.05, 1.2)), 4);
  for (std::size_t i = 1; i < levels.size(); ++i)
    EXPECT_GT(levels[i], levels[i - 1]);
  EXPECT_NEAR(levels[5], 255, 2);
}

TEST(Hdr, TheReferencesFramesAreFlat) {
  const std::vector<int> levels = stripes(VideoReader(film("hdr10.mkv"), {}, 0, kAsTheReference));
  EXPECT_NEAR(levels[4], 255 * 0.58, 4);  // PQ of 203 cd/m^2, taken for a grey level
}

TEST(PixelShape, IsObeyed) {
  VideoReader video(film("anamorphic.mkv"));  // 24 x 32 pixels, shown as 3:2
  EXPECT_NEAR(video.info().pixel_aspect, 2, 1e-3);
  EXPECT_EQ(video.info().width, 48);
  EXPECT_EQ(video.info().height, 32);
  const Image image = video.frame(0);
  EXPECT_EQ(image.width, 48);
  EXPECT_EQ(image.height, 32);
  VideoReader stored(film("anamorphic.mkv"), {}, 0, kAsTheReference);
  EXPECT_EQ(stored.info().width, 24);
  EXPECT_EQ(stored.frame(0).width, 24);
}

}  // namespace
}  // namespace pandagpt
