// HEIC and AVIF: pictures as phones write them against pillow_heif and Pillow, and headers that
// promise what isn't there. Without libheif: the refusals by name.
#include "media/heif.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "media/heif_stream.h"
#include "media/image.h"
#include "media/media_kind.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kFolder = fs::path(PANDAGPT_FIXTURES) / "heif";
constexpr std::uint64_t kMaxBytes = 1 << 20;

const nlohmann::json& manifest() {
  static const auto json = nlohmann::json::parse(test::read_text(kFolder / "manifest.json"));
  return json;
}

std::string refusal(ByteView bytes, const ImageLimits& limits = {}) {
  const Error error = test::error_of([&] { decode_image(bytes, "it", limits); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  return error.what();
}

// What the references make of the same picture by other arithmetic, in levels of 255.
struct Tolerance {
  int worst;
  double mean;
};
Tolerance tolerance_of(const std::string& name) {
  if (name == "ten_bits.heic") return {2, 0.7};  // when the lower two bits are dropped
  if (name == "studio_range.avif") return {3, 0.7};
  // libheif repeats a colour sample, Pillow's libavif interpolates: seen at edges of colours alone.
  if (name == "chroma_420.avif" || name == "chroma_422.avif") return {60, 3.2};
  return {1, 0.25};
}

TEST(Heif, HasThePixelsOfTheReferences) {
  if (!has_libheif()) GTEST_SKIP() << "built without libheif";
  int n_compared = 0;
  for (const nlohmann::json& entry : manifest()["pictures"]) {
    const std::string name = entry["file"];
    SCOPED_TRACE(name);
    const Image image = load_image(kFolder / name);
    const Image expected = load_image(kFolder / entry["pixels"].get<std::string>());
    ASSERT_EQ(image.width, expected.width);
    ASSERT_EQ(image.height, expected.height);
    int worst = 0;
    double sum = 0;
    for (std::size_t i = 0; i < expected.rgb.size(); ++i) {
      const int difference = std::abs(image.rgb[i] - expected.rgb[i]);
      worst = std::max(worst, difference);
      sum += difference;
    }
    EXPECT_LE(worst, tolerance_of(name).worst);
    EXPECT_LE(sum / static_cast<double>(expected.rgb.size()), tolerance_of(name).mean);
    ++n_compared;
  }
  EXPECT_GE(n_compared, 40);
}

TEST(Heif, EveryKindIsToldByContent) {
  for (const nlohmann::json& entry : manifest()["pictures"]) {
    const std::string name = entry["file"];
    const Bytes bytes = read_file(kFolder / name, kMaxBytes);
    const bool is_avif = name.ends_with(".avif");
    EXPECT_EQ(sniff_image_format(bytes), is_avif ? ImageFormat::kAvif : ImageFormat::kHeic) << name;
    if (has_libheif()) {
      EXPECT_EQ(media_kind(bytes, name), Modality::kImage) << name;
    }
  }
}

TEST(Heif, DamagedHeadersAreRefusedInOneLine) {
  if (!has_libheif()) GTEST_SKIP() << "built without libheif";
  for (const std::string name : manifest()["damaged"]) {
    const std::string line = refusal(read_file(kFolder / name, kMaxBytes));
    EXPECT_THAT(line, HasSubstr("it: the ")) << name;
    EXPECT_THAT(line, AnyOf(HasSubstr("; get a complete copy"), HasSubstr("; make it smaller"),
                            HasSubstr("; save it as JPEG")))
        << name;
    EXPECT_THAT(line, Not(HasSubstr("\n"))) << name;
  }
}

TEST(Heif, LimitsAreJudgedFromTheHeader) {
  if (!has_libheif()) GTEST_SKIP() << "built without libheif";
  ImageLimits limits;
  limits.max_pixels = 4000;
  EXPECT_THAT(refusal(read_file(kFolder / "chroma_420.heic", kMaxBytes), limits),
              HasSubstr("72 x 64 pixels is larger than the limit"));
  // The crop leaves 40 x 32 of 72 x 64, but all of them would be decoded.
  EXPECT_THAT(refusal(read_file(kFolder / "clean_aperture.heic", kMaxBytes), limits),
              HasSubstr("larger than the limit"));
  EXPECT_THAT(refusal(read_file(kFolder / "huge.heic", kMaxBytes)), HasSubstr("60000x60000"));
  // The boxes say 72 x 64, the coded picture 4096 x 4096.
  limits.max_pixels = 1'000'000;
  EXPECT_THAT(refusal(read_file(kFolder / "larger_inside.heic", kMaxBytes), limits),
              HasSubstr("behind the picture of 72 x 64 pixels the file holds one that is larger"));
  EXPECT_THAT(refusal(read_file(kFolder / "larger_inside.heic", kMaxBytes)),
              HasSubstr("its pixels are 4096 x 4096, its header says 72 x 64"));
}

TEST(Heif, CodedPicturesSayTheirSize) {
  const auto pixels = [](const char* name) {
    return largest_coded_picture(read_file(kFolder / name, kMaxBytes));
  };
  for (const char* name : {"chroma_420.heic", "ten_bits.heic", "chroma_422.avif", "alpha.avif"})
    EXPECT_EQ(pixels(name), 72U * 64U) << name;
  EXPECT_EQ(pixels("odd.avif"), 37U * 51U);
  EXPECT_EQ(pixels("odd.heic"), 64U * 64U) << "x265 pads it";
  EXPECT_EQ(pixels("grid.heic"), 72U * 64U) << "its thumbnail is larger than a tile";
  EXPECT_EQ(pixels("larger_inside.heic"), 4096U * 4096U);
  EXPECT_EQ(pixels("no_picture.heic"), 0U);
  EXPECT_EQ(largest_coded_picture({}), 0U);
}

TEST(Heif, TruncatedFilesAreRefused) {
  if (!has_libheif()) GTEST_SKIP() << "built without libheif";
  for (const char* name : {"chroma_420.heic", "grid_turned.heic", "chroma_420.avif"}) {
    const Bytes whole = read_file(kFolder / name, kMaxBytes);
    for (std::size_t size = 16; size < whole.size(); size += 1 + whole.size() / 60)
      EXPECT_THAT(refusal(ByteView(whole).first(size)), HasSubstr("truncated or damaged")) << size;
  }
}

TEST(Heif, AnyChangedByteEndsInAPictureOrALine) {
  if (!has_libheif()) GTEST_SKIP() << "built without libheif";
  for (const char* name : {"chroma_420.heic", "grid_turned.heic", "grid.avif"}) {
    const Bytes whole = read_file(kFolder / name, kMaxBytes);
    ImageLimits limits;
    limits.max_pixels = 1 << 20;
    for (std::size_t at = 8; at < whole.size(); at += 1 + whole.size() / 200) {
      Bytes changed = whole;
      changed[at] ^= 0xFF;
      try {
        const Image image = decode_image(changed, "it", limits);
        EXPECT_EQ(image.rgb.size(), std::size_t{3} * image.width * image.height);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    }
  }
}

TEST(Heif, WithoutTheLibraryTheRefusalNamesTheFormat) {
  if (has_libheif()) GTEST_SKIP() << "built with libheif";
  EXPECT_THAT(refusal(read_file(kFolder / "grid.heic", kMaxBytes)), HasSubstr("an HEIC picture"));
  EXPECT_THAT(refusal(read_file(kFolder / "grid.avif", kMaxBytes)), HasSubstr("an AVIF picture"));
}

TEST(OtherPictures, AreRefusedByName) {
  const auto line = [](std::string bytes) {
    bytes.resize(std::max<std::size_t>(bytes.size(), 64));
    return refusal(Bytes(bytes.begin(), bytes.end()));
  };
  const auto with_zeros = [](const char* text, std::size_t size) {
    return std::string(text, size);
  };
  EXPECT_THAT(line("\xFF\x0A\xFF\x07"), HasSubstr("a JPEG XL picture"));
  EXPECT_THAT(line(with_zeros("\0\0\0\x0CJXL \r\n\x87\n", 12)), HasSubstr("a JPEG XL picture"));
  EXPECT_THAT(line(with_zeros("\0\0\0\x0CjP  \r\n\x87\n", 12)), HasSubstr("a JPEG 2000 picture"));
  EXPECT_THAT(line(with_zeros("\0\0\0\x18"
                              "ftypcrx \0\0\0\1",
                              16)),
              HasSubstr("raw file (CR3)"));
  EXPECT_THAT(line(with_zeros("II*\0\x10\0\0\0CR\2\0", 12)), HasSubstr("raw file (CR2)"));
  EXPECT_THAT(line("FUJIFILMCCD-RAW 0201"), HasSubstr("raw file (RAF)"));
  EXPECT_THAT(line("8BPS"), HasSubstr("a Photoshop file"));
  // A TIFF whose first directory has DNG's version.
  EXPECT_THAT(line(with_zeros("II*\0\x08\0\0\0\1\0\x12\xC6\1\0\4\0\0\0\1\4\0\0", 22)),
              HasSubstr("raw file (DNG"));
}

}  // namespace
}  // namespace pandagpt
