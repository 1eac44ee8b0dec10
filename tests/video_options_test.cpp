// Where frames are made other than the reference's decoder makes them: HDR, mirrors, pixels that
// aren't square. The films: tools/reference/make_thermal_fixtures.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/file.h"
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

/// An MP4 film whose pixels (x, y) are to be shown at (a x + c y, b x + d y).
Bytes with_matrix(int a, int b, int c, int d) {
  Bytes film =
      read_file(std::filesystem::path(PANDAGPT_FIXTURES) / "video" / "h264_25.mp4", 1 << 24);
  const std::string_view type = "tkhd";
  const auto found = std::ranges::search(film, type);
  constexpr int kMatrixAt = 44;  // ISO/IEC 14496-12: behind the type, in version 0
  const int numbers[] = {a, b, 0, c, d};
  auto at = found.begin() + kMatrixAt;
  for (const int number : numbers) {
    const auto fixed = static_cast<std::uint32_t>(number * 65536);  // 16.16, big-endian
    for (int shift = 24; shift >= 0; shift -= 8)
      *at++ = static_cast<std::uint8_t>(fixed >> shift);
  }
  return film;
}

TEST(Mirrored, FilmsAreShownAsTheirMatrixSays) {
  const Bytes plain_film = with_matrix(1, 0, 0, 1);
  const Image plain = VideoReader(ByteView(plain_film), "plain").frame(0);
  struct Matrix {
    int a, b, c, d;
    int rotation;  // that is left without the mirror
  };
  for (const auto& [a, b, c, d, rotation] :
       {Matrix{-1, 0, 0, 1, 0}, Matrix{1, 0, 0, -1, 0}, Matrix{0, 1, 1, 0, 270},
        Matrix{0, -1, -1, 0, 90}, Matrix{-1, 0, 0, -1, 180}, Matrix{0, 1, -1, 0, 90}}) {
    const Bytes film = with_matrix(a, b, c, d);
    VideoReader video(ByteView(film), "film");
    EXPECT_EQ(video.info().rotation, rotation);
    const Image shown = video.frame(0);
    ASSERT_EQ(shown.width, a != 0 ? plain.width : plain.height);
    const int left = a + c < 0 ? shown.width - 1 : 0;  // where the numbers run backwards
    const int top = b + d < 0 ? shown.height - 1 : 0;
    int n_wrong = 0;
    for (int y = 0; y < plain.height; ++y)
      for (int x = 0; x < plain.width; ++x) {
        const int to = (top + b * x + d * y) * shown.width + left + a * x + c * y;
        n_wrong +=
            shown.rgb[3 * std::size_t(to)] != plain.rgb[3 * std::size_t(y * plain.width + x)];
      }
    EXPECT_EQ(n_wrong, 0) << a << " " << b << " " << c << " " << d;
  }
  // The reference's decoder takes a mirror for half a turn.
  const Bytes film = with_matrix(-1, 0, 0, 1), half_turn = with_matrix(-1, 0, 0, -1);
  EXPECT_EQ(VideoReader(ByteView(film), "film", {}, 0, kAsTheReference).frame(0).rgb,
            VideoReader(ByteView(half_turn), "half turn").frame(0).rgb);
}

}  // namespace
}  // namespace pandagpt
