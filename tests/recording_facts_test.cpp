// Size, length, camera and time of pictures and films, and what is said of them by inspect.
#include "facts/recording_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "facts_support.h"
#include "media/exif.h"
#include "media/media_report.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::find_fact;
using test::number_of;
using test::text_of;
using ::testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

/// A TIFF structure with a maker, a model and a time; with `taken` in a directory of its own.
class ExifBlock {
 public:
  explicit ExifBlock(bool big_endian) : big_endian_(big_endian) {
    bytes_ = big_endian ? Bytes{'M', 'M', 0, 42} : Bytes{'I', 'I', 42, 0};
    number(8, 4);
  }

  Bytes camera(const std::string& maker, const std::string& model, const std::string& changed,
               const std::string& taken, const std::string& zone) {
    constexpr std::uint32_t kMainAt = 8, kExifAt = 200, kTextsAt = 300;
    texts_at_ = kTextsAt;
    number(4, 2);
    text(271, maker);
    text(272, model);
    text(306, changed);
    entry(34665, 4, 1, kExifAt);
    bytes_.resize(kExifAt);
    number(2, 2);
    text(36867, taken);
    text(36881, zone);
    bytes_.resize(kTextsAt);
    bytes_.insert(bytes_.end(), texts_.begin(), texts_.end());
    static_assert(kMainAt < kExifAt);
    return bytes_;
  }

 private:
  void number(std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i)
      bytes_.push_back(static_cast<std::uint8_t>(value >> 8 * (big_endian_ ? size - 1 - i : i)));
  }
  void entry(std::uint16_t tag, std::uint16_t type, std::uint32_t count, std::uint32_t value) {
    number(tag, 2);
    number(type, 2);
    number(count, 4);
    number(value, 4);
  }
  void text(std::uint16_t tag, const std::string& value) {
    entry(tag, 2, static_cast<std::uint32_t>(value.size() + 1),
          texts_at_ + static_cast<std::uint32_t>(texts_.size()));
    texts_ += value;
    texts_ += '\0';
  }

  bool big_endian_;
  Bytes bytes_;
  std::string texts_;
  std::uint32_t texts_at_ = 0;
};

TEST(ExifTest, CameraAndTime) {
  for (const bool big_endian : {false, true}) {
    const Bytes block =
        ExifBlock(big_endian)
            .camera("Apple", "iPhone X", "2020:01:01 00:00:00", "2019:03:05 12:30:11", "+01:00");
    const CaptureInfo info = read_capture_info(block, ImageFormat::kTiff);
    EXPECT_EQ(info.camera, "Apple iPhone X");
    EXPECT_EQ(info.time, "2019-03-05 12:30:11+01:00");
  }
}

TEST(ExifTest, InAJpeg) {
  const Bytes block =
      ExifBlock(false).camera("Canon", "Canon EOS 5D", "2020:01:01 00:00:00", "", "");
  Bytes jpeg{0xFF, 0xD8, 0xFF, 0xE1};
  const std::size_t length = block.size() + 8;
  jpeg.push_back(static_cast<std::uint8_t>(length >> 8));
  jpeg.push_back(static_cast<std::uint8_t>(length));
  for (const char c : {'E', 'x', 'i', 'f', '\0', '\0'})
    jpeg.push_back(static_cast<std::uint8_t>(c));
  jpeg.insert(jpeg.end(), block.begin(), block.end());
  jpeg.insert(jpeg.end(), {0xFF, 0xD9});
  const CaptureInfo info = read_capture_info(jpeg, ImageFormat::kJpeg);
  EXPECT_EQ(info.camera, "Canon EOS 5D");  // the maker isn't said twice
  EXPECT_EQ(info.time, "2020-01-01 00:00:00");
}

TEST(ExifTest, ADamagedBlockSaysNothing) {
  const Bytes whole = ExifBlock(false).camera("Apple", "iPhone X", "", "2019:03:05 12:30:11", "");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const CaptureInfo info =
        read_capture_info(ByteView(whole).subspan(0, length), ImageFormat::kTiff);
    EXPECT_TRUE(info.time.empty() || info.time == "2019-03-05 12:30:11") << length;
  }
}

TEST(ShownTimeTest, Forms) {
  EXPECT_EQ(shown_time("2019:03:05 12:30:11"), "2019-03-05 12:30:11");
  EXPECT_EQ(shown_time("2019:03:05 12:30:11", "-05:00"), "2019-03-05 12:30:11-05:00");
  EXPECT_EQ(shown_time("2023-06-01T10:20:30.000000Z"), "2023-06-01 10:20:30 UTC");
  EXPECT_EQ(shown_time("2023-06-01T12:20:30+0200"), "2023-06-01 12:20:30+02:00");
  EXPECT_EQ(shown_time("0000:00:00 00:00:00"), "");
  EXPECT_EQ(shown_time("    :  :     :  :  "), "");
  EXPECT_EQ(shown_time("yesterday"), "");
  EXPECT_EQ(shown_time(""), "");
}

TEST(PictureFactsTest, SizeCameraAndTime) {
  const InputFacts facts =
      picture_facts(4000, 3000, "JPEG", {"Apple iPhone X", "2019-03-05 12:30:11"});
  EXPECT_EQ(text_of(facts, "size"), "4000 x 3000 pixels");
  EXPECT_EQ(facts.sentence,
            "Measured: 4000 x 3000 pixels, taken 2019-03-05 12:30:11, camera Apple iPhone X.");
  const InputFacts plain = picture_facts(10, 20, "PNG", {});
  EXPECT_EQ(find_fact(plain, "camera"), nullptr);
  EXPECT_EQ(find_fact(plain, "time"), nullptr);
}

TEST(FilmFactsTest, LengthFramesAndRotation) {
  const VideoReader film(kFixtures / "video" / "rotated_90.mp4");
  const InputFacts facts = film_facts(film.info(), {});
  EXPECT_EQ(number_of(facts, "rotation"), 90);
  EXPECT_EQ(number_of(facts, "frames"), double(film.info().frames));
  EXPECT_EQ(text_of(facts, "sound"), "no");
  EXPECT_THAT(facts.sentence, HasSubstr(" frames, "));
}

std::string line_of(const InputReport& report, const std::string& name) {
  for (const InputReport::Line& line : report.lines)
    if (line.name == name) return line.value + (line.why.empty() ? "" : " (" + line.why + ")");
  return "none";
}

TEST(MediaReportTest, OfPictures) {
  const auto report = [](const char* file) {
    return report_picture(read_file(kFixtures / "images" / file, 1 << 20), file);
  };
  const InputReport turned = report("exif6_jpg.jpg");
  EXPECT_EQ(turned.format, "JPEG");
  EXPECT_EQ(line_of(turned, "orientation"), "turned by 90° clockwise (EXIF orientation 6)");
  EXPECT_EQ(line_of(report("jpeg_cmyk.jpg"), "colours"), "four inks (CMYK)");
  EXPECT_EQ(line_of(report("jpeg_progressive.jpg"), "coding"), "progressive");
  EXPECT_EQ(line_of(report("png_rgba.png"), "colours"), "RGB with alpha (dropped)");
  EXPECT_EQ(line_of(report("png_i16.png"), "bits"), "16 a sample");
  EXPECT_THROW(report_picture(Bytes{1, 2, 3}, "x"), Error);
}

TEST(MediaReportTest, OfFilmsAndSounds) {
  const InputReport film = read_recording_info(kFixtures / "video" / "rotated_270.mp4").report;
  EXPECT_EQ(line_of(film, "video codec"), "h264");
  EXPECT_EQ(line_of(film, "rotation"),
            "turned by 270° clockwise to be upright (the stream's display matrix)");
  EXPECT_EQ(line_of(film, "sound codec"), "none");
  const InputReport deep = read_recording_info(kFixtures / "video" / "ten_bit.mp4").report;
  EXPECT_THAT(line_of(deep, "pixels"), HasSubstr("10 bits a sample"));
  const InputReport sound =
      read_recording_info(fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data" / "siren.wav").report;
  EXPECT_THAT(sound.format, HasSubstr("WAV"));
  EXPECT_EQ(line_of(sound, "bits"), "16 a sample");
  EXPECT_EQ(line_of(sound, "video codec"), "none");
}

}  // namespace
}  // namespace pandagpt
