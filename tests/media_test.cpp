// Decoding: every fixture against Pillow's pixels, and every kind of file that must be refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "media/image.h"
#include "media/jpeg.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const fs::path kImages = fs::path(PANDAGPT_FIXTURES) / "images";
constexpr std::uint64_t kMaxFixtureBytes = 1 << 20;

Bytes fixture(const std::string& name) {
  return read_file(kImages / name, kMaxFixtureBytes);
}

nlohmann::json manifest() {
  std::ifstream in(kImages / "manifest.json");
  return nlohmann::json::parse(in);
}

// Pixels of a binary PPM as Pillow writes it: "P6\n53 37\n255\n" and the samples.
Bytes read_ppm_pixels(const fs::path& path) {
  const Bytes file = read_file(path, kMaxFixtureBytes);
  std::size_t at = 0;
  for (int lines = 0; lines < 3; ++at)
    if (file[at] == '\n') ++lines;
  return {file.begin() + static_cast<std::ptrdiff_t>(at), file.end()};
}

bool is_jpeg(const std::string& name) {
  return name.ends_with(".jpg");
}

// FFmpeg's inverse DCT, used when libjpeg is missing, and its TIFF decoder's CMYK round otherwise.
constexpr int kFfmpegTolerance = 3;  // levels of 255

class EveryFixture : public testing::TestWithParam<nlohmann::json> {};

TEST_P(EveryFixture, HasPillowsPixels) {
  const nlohmann::json& entry = GetParam();
  const std::string name = entry["file"];
  const Image image = load_image(kImages / name);
  ASSERT_EQ(image.width, entry["width"]);
  ASSERT_EQ(image.height, entry["height"]);
  ASSERT_EQ(image.rgb.size(), std::size_t(3) * image.width * image.height);
  if (!is_jpeg(name) || has_libjpeg()) {
    EXPECT_EQ(sha256_hex(image.rgb), entry["rgb_sha256"]);
  }
  if (!entry.contains("pixels")) return;
  const Bytes expected = read_ppm_pixels(kImages / entry["pixels"]);
  ASSERT_EQ(image.rgb.size(), expected.size());
  int worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::abs(image.rgb[i] - expected[i]));
  EXPECT_LE(worst, has_libjpeg() ? 0 : kFfmpegTolerance);
}

INSTANTIATE_TEST_SUITE_P(Images, EveryFixture,
                         testing::ValuesIn(manifest().get<std::vector<nlohmann::json>>()),
                         [](const testing::TestParamInfo<nlohmann::json>& entry) {
                           std::string name = entry.param["file"];
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

// --- Refusals ----------------------------------------------------------------------------------

// The message of the Error(kInput) that `act` must throw; it must be one line.
std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

std::string refusal_of_bytes(const Bytes& bytes, const ImageLimits& limits = {}) {
  return refusal([&] { decode_image(bytes, "it.jpg", limits); });
}

Bytes from_text(const std::string& text) {
  return {text.begin(), text.end()};
}

void put_be(Bytes& bytes, std::size_t at, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i)
    bytes.at(at + i) = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
}
void put_le(Bytes& bytes, std::size_t at, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i)
    bytes.at(at + i) = static_cast<std::uint8_t>(value >> (8 * i));
}

std::size_t find(const Bytes& bytes, const std::string& text) {
  const auto at = std::search(bytes.begin(), bytes.end(), text.begin(), text.end(),
                              [](std::uint8_t a, char b) { return a == std::uint8_t(b); });
  EXPECT_NE(at, bytes.end());
  return static_cast<std::size_t>(at - bytes.begin());
}

// A fixture of each format whose header claims another size. The rest stays.
struct Resized {
  std::string fixture;
  std::function<void(Bytes&, std::uint32_t side)> set_size;
};

std::vector<Resized> resizable() {
  const auto tiff_tag = [](Bytes& file, std::uint16_t tag, std::uint32_t value) {
    const std::size_t directory = file[4] + 256 * file[5] + 65536 * file[6];
    const std::size_t entries = file[directory];
    for (std::size_t at = directory + 2; at < directory + 2 + 12 * entries; at += 12) {
      if (file[at] + 256 * file[at + 1] != tag) continue;
      put_le(file, at + 2, 4, 2);  // LONG
      put_le(file, at + 8, value, 4);
    }
  };
  return {
      {"jpeg_420.jpg",
       [](Bytes& file, std::uint32_t side) {
         const std::size_t frame = find(file, "\xFF\xC0");
         put_be(file, frame + 5, side, 2);
         put_be(file, frame + 7, side, 2);
       }},
      {"png_rgb.png",
       [](Bytes& file, std::uint32_t side) {
         put_be(file, 16, side, 4);
         put_be(file, 20, side, 4);
       }},
      {"bmp_rgb.bmp",
       [](Bytes& file, std::uint32_t side) {
         put_le(file, 18, side, 4);
         put_le(file, 22, side, 4);
       }},
      {"gif_p.gif",
       [](Bytes& file, std::uint32_t side) {
         put_le(file, 6, side, 2);
         put_le(file, 8, side, 2);
         const std::size_t picture = find(file, std::string(",\0\0\0\0", 5));
         put_le(file, picture + 5, side, 2);
         put_le(file, picture + 7, side, 2);
       }},
      {"tiff_rgb.tif",
       [tiff_tag](Bytes& file, std::uint32_t side) {
         tiff_tag(file, 256, side);
         tiff_tag(file, 257, side);
       }},
  };
}

TEST(Tiff, MeasurementsAreNoPicture) {
  for (const std::string name : {"depth_f32.tif", "depth_f32_plain.tif", "thermal_nan.tif"}) {
    try {
      load_image(fs::path(PANDAGPT_FIXTURES) / "sensors" / name);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_THAT(error.what(),
                  HasSubstr("a TIFF file of measurements (32-bit floats), not a picture"));
    }
  }
}

TEST(ImageBomb, IsRefusedFromTheHeader) {
  for (const Resized& kind : resizable()) {
    SCOPED_TRACE(kind.fixture);
    Bytes file = fixture(kind.fixture);
    kind.set_size(file, 60000);
    EXPECT_THAT(refusal_of_bytes(file), HasSubstr("60000 x 60000 pixels is larger than the limit"));
  }
}

TEST(ImageBomb, AnimatedCanvasIsRefusedFromTheHeader) {
  Bytes file = fixture("webp_animation.webp");
  put_le(file, find(file, "VP8X") + 12, 59999, 3);  // stored less one
  put_le(file, find(file, "VP8X") + 15, 59999, 3);
  EXPECT_THAT(refusal_of_bytes(file), HasSubstr("60000 x 60000 pixels is larger than the limit"));
}

TEST(ImageBomb, LimitIsInclusive) {
  const Bytes file = fixture("png_rgb.png");
  ImageLimits limits;
  limits.max_pixels = 53 * 37;
  EXPECT_EQ(decode_image(file, "it", limits).width, 53);
  limits.max_pixels -= 1;
  EXPECT_THAT(refusal_of_bytes(file, limits), HasSubstr("53 x 37 pixels is larger"));
}

TEST(BadImage, WithoutPixels) {
  for (const Resized& kind : resizable()) {
    if (kind.fixture.ends_with(".gif")) continue;  // the canvas is never empty there
    SCOPED_TRACE(kind.fixture);
    Bytes file = fixture(kind.fixture);
    kind.set_size(file, 0);
    EXPECT_THAT(refusal_of_bytes(file), HasSubstr("has no pixels (0 x 0)"));
  }
}

TEST(BadImage, TruncatedAnywhere) {
  for (const char* name :
       {"jpeg_420.jpg", "jpeg_progressive.jpg", "jpeg_cmyk.jpg", "png_rgb.png", "webp_lossy.webp",
        "webp_lossless.webp", "webp_animation.webp", "bmp_rgb.bmp", "bmp_p.bmp", "gif_p.gif",
        "tiff_rgb.tif", "tiff_lzw.tif", "tiff_adobe_deflate.tif"}) {
    SCOPED_TRACE(name);
    const Bytes whole = fixture(name);
    for (const std::size_t kept : {whole.size() - 40, whole.size() * 3 / 4, whole.size() / 2,
                                   whole.size() / 4, std::size_t{30}, std::size_t{12}}) {
      const std::string message = refusal_of_bytes({whole.begin(), whole.begin() + long(kept)});
      EXPECT_THAT(message, StartsWith("it.jpg: the "));
      EXPECT_THAT(message, HasSubstr(" file is truncated or damaged"));
      EXPECT_THAT(message, HasSubstr("; get a complete copy of it"));
    }
  }
}

TEST(BadImage, LostEndMarkerOnlyIsAccepted) {
  const Bytes png = fixture("png_rgb.png");
  EXPECT_EQ(decode_image({png.data(), png.size() - 12}, "it").rgb, decode_image(png, "it").rgb);
  if (!has_libjpeg()) return;
  const Bytes jpeg = fixture("jpeg_420.jpg");
  EXPECT_EQ(decode_image({jpeg.data(), jpeg.size() - 2}, "it").rgb, decode_image(jpeg, "it").rgb);
}

TEST(BadImage, FilesOfAnotherKind) {
  EXPECT_THAT(refusal_of_bytes({}), HasSubstr("empty"));
  EXPECT_THAT(refusal_of_bytes(from_text("Hello, I am a text\n")),
              HasSubstr("text, not a picture"));
  EXPECT_THAT(refusal_of_bytes({0, 1, 2, 3}), HasSubstr("not a picture that can be read"));
  EXPECT_THAT(refusal_of_bytes(from_text("%PDF-1.7")), HasSubstr("PDF"));
}

// FFmpeg has readers for these that would open what they name.
TEST(BadImage, ListsOfOtherFilesAreNotFollowed) {
  for (const char* text : {"ffconcat version 1.0\nfile 'png_rgb.png'\n",
                           "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npng_rgb.png\n",
                           "v=0\r\nm=video 5000 RTP/AVP 96\r\n",
                           "<svg xmlns='http://www.w3.org/2000/svg'><image href='a.png'/></svg>"})
    EXPECT_THAT(refusal_of_bytes(from_text(text)), HasSubstr("text, not a picture"));
}

TEST(BadImage, EveryPrefixAndFlippedByteEndsInAPictureOrALine) {
  for (const char* name : {"jpeg_5x4.jpg", "exif6_png.png", "exif6_webp.webp", "gif_offset.gif",
                           "exif6_tif.tif", "bmp_1.bmp", "webp_5x4.webp"}) {
    SCOPED_TRACE(name);
    const Bytes whole = fixture(name);
    const auto try_it = [](const Bytes& bytes) {
      ImageLimits limits;
      limits.max_pixels = 1 << 20;
      try {
        const Image image = decode_image(bytes, "it", limits);
        EXPECT_EQ(image.rgb.size(), std::size_t(3) * image.width * image.height);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    };
    const std::size_t step = std::max<std::size_t>(whole.size() / 400, 1);
    for (std::size_t i = 0; i < whole.size(); i += step) {
      try_it({whole.begin(), whole.begin() + long(i)});
      Bytes changed = whole;
      changed[i] ^= 0xFF;
      try_it(changed);
    }
  }
}

TEST(BadImage, DamagedExifCostsOnlyTheOrientation) {
  Bytes file = fixture("exif6_jpg.jpg");
  const std::size_t exif = find(file, std::string("Exif\0\0", 6));
  put_be(file, exif + 10, 0xFFFFFFF0, 4);  // where the directory would be
  EXPECT_EQ(decode_image(file, "it").width, 19);
}

// --- Files -------------------------------------------------------------------------------------

class ImageFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "pandagpt-media-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const Bytes& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    return folder_ / name;
  }

  fs::path folder_;
};

TEST_F(ImageFile, ThatCantBeReadIsNamed) {
  const auto expect_refusal = [](const fs::path& path, const std::string& why) {
    const std::string message = refusal([&] { load_image(path); });
    EXPECT_THAT(message, StartsWith(path.string() + ": "));
    EXPECT_THAT(message, HasSubstr(why));
  };
  expect_refusal(folder_ / "missing.jpg", "no such file");
  expect_refusal(folder_, "folder");
  expect_refusal(write("empty.jpg", {}), "empty");
  fs::create_symlink("loop.jpg", folder_ / "loop.jpg");
  expect_refusal(folder_ / "loop.jpg", "oo many");
}

TEST_F(ImageFile, LargerThanTheLimit) {
  ImageLimits limits;
  limits.max_file_bytes = 1000;
  const fs::path path = write("large.jpg", Bytes(5000));
  EXPECT_THAT(refusal([&] { load_image(path, limits); }), HasSubstr("larger than the limit"));
  EXPECT_THAT(refusal_of_bytes(Bytes(5000), limits), HasSubstr("larger than the limit"));
}

// Root may read everything, so the child becomes someone else first.
TEST_F(ImageFile, WithoutPermission) {
  const fs::path path = write("secret.png", fixture("png_1.png"));
  fs::permissions(folder_, fs::perms::all);
  fs::permissions(path, fs::perms::none);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(2);
    try {
      load_image(path);
    } catch (const Error& error) {
      const bool right = error.kind() == ErrorKind::kInput &&
                         std::string(error.what()).find("ermission denied") != std::string::npos;
      _exit(right ? 0 : 3);
    }
    _exit(4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ImageStdin, IsReadForADash) {
  const fs::path path = kImages / "png_rgb.png";
  std::ifstream file(path, std::ios::binary);
  std::streambuf* const before = std::cin.rdbuf(file.rdbuf());
  const Image image = load_image("-");
  std::cin.rdbuf(before);
  EXPECT_EQ(image.rgb, load_image(path).rgb);
}

}  // namespace
}  // namespace pandagpt
