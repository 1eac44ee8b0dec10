// Files of every kind that carry nothing, from their bytes to the warning; and what is next to
// nothing, which is content.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/warnings.h"
#include "pipeline/media_tensor.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void append(Bytes& bytes, const std::string& text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
}

/// Little-endian.
template <typename Number>
void append_number(Bytes& bytes, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
}

void append_words(Bytes& bytes, const std::vector<std::uint32_t>& words) {
  for (const std::uint32_t word : words)
    append_number(bytes, word);
}

/// What preparing a file of these bytes warns of.
std::vector<std::string> warnings_of(Modality modality, const Bytes& bytes) {
  SensorOptions sensor;
  if (modality == Modality::kDepth) sensor.depth_encoding = DepthEncoding::kMillimetres;
  if (modality == Modality::kImu) {
    sensor.imu_rate_hz = 100;
    sensor.acceleration_unit = AccelerationUnit::kMetresPerSecondSquared;
    sensor.rotation_unit = RotationUnit::kRadiansPerSecond;
  }
  const WarningCollector collector;
  prepare({modality, "input", bytes, 1.0F, sensor}, MediaTransforms{});
  return collector.messages();
}

// --- Films -------------------------------------------------------------------------------------

constexpr int kSide = 32;
constexpr int kFrames = 40;
constexpr int kRate = 4;  // frames a second: ten seconds

std::string chunk(const std::string& name, const Bytes& content) {
  Bytes bytes;
  append(bytes, name);
  append_number(bytes, static_cast<std::uint32_t>(content.size()));
  bytes.insert(bytes.end(), content.begin(), content.end());
  return {bytes.begin(), bytes.end()};
}

/// An AVI file of uncompressed frames; `level` of frame, x and y.
Bytes film(const std::function<int(int frame, int x, int y)>& level) {
  constexpr std::uint32_t kFrameBytes = kSide * kSide * 3;
  Bytes main_header, stream_header, format, movie;
  append_words(main_header, {1'000'000 / kRate, 0, 0, 0x10, kFrames, 0, 1, kFrameBytes, kSide,
                             kSide, 0, 0, 0, 0});
  append(stream_header, "vidsDIB ");
  append_words(stream_header, {0, 0, 0, 1, kRate, 0, kFrames, kFrameBytes, ~0U, 0, 0, 0});
  append_words(format, {40, kSide, kSide, 1 | 24 << 16, 0, kFrameBytes, 0, 0, 0, 0});
  append(movie, "movi");
  for (int frame = 0; frame < kFrames; ++frame) {
    Bytes pixels;
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x)
        pixels.insert(pixels.end(), 3, static_cast<std::uint8_t>(level(frame, x, y)));
    append(movie, chunk("00db", pixels));
  }
  Bytes stream, header, file;
  append(stream, "strl" + chunk("strh", stream_header) + chunk("strf", format));
  append(header, "hdrl" + chunk("avih", main_header) + chunk("LIST", stream));
  append(file, "AVI " + chunk("LIST", header) + chunk("LIST", movie));
  const std::string whole = chunk("RIFF", file);
  return {whole.begin(), whole.end()};
}

TEST(NoContent, OfFilmsIsSaid) {
  const auto is_said =
      ElementsAre(HasSubstr("input: the frames that are looked at are of one colour each"));
  EXPECT_THAT(warnings_of(Modality::kVideo, film([](int, int, int) { return 0; })), is_said);
  // Each frame of another grey, and a blinking one.
  EXPECT_THAT(warnings_of(Modality::kVideo, film([](int frame, int, int) { return 5 * frame; })),
              is_said);
  EXPECT_THAT(
      warnings_of(Modality::kVideo, film([](int frame, int, int) { return frame % 2 * 255; })),
      is_said);
}

TEST(NoContent, OfFilmsIsThatOfTheFramesThatAreLookedAt) {
  const auto with_picture_at = [](int seen) {
    return film([seen](int frame, int x, int) { return frame == seen ? 8 * x : 60; });
  };
  EXPECT_THAT(warnings_of(Modality::kVideo, with_picture_at(0)), IsEmpty());
  VideoInfo info;
  info.frames = kFrames;
  info.frames_per_second = kRate;
  info.duration = 10;
  const std::vector<std::int64_t> looked_at = video_frame_numbers(info);
  int other = 0;
  while (std::ranges::find(looked_at, other) != looked_at.end())
    ++other;
  ASSERT_LT(other, kFrames);
  EXPECT_THAT(warnings_of(Modality::kVideo, with_picture_at(other)),
              ElementsAre(HasSubstr("that are looked at")));
}

// --- Sounds ------------------------------------------------------------------------------------

constexpr int kSoundRate = 16000;

/// A WAV file of six seconds, silent but for samples of half of full scale at `clicks` seconds.
Bytes clicks_at(const std::vector<double>& clicks) {
  Bytes format, samples(std::size_t{6} * kSoundRate * 2, 0), body;
  append_words(format, {1 | 1 << 16, kSoundRate, 2 * kSoundRate, 2 | 16 << 16});
  for (const double seconds : clicks)
    samples[2 * static_cast<std::size_t>(seconds * kSoundRate) + 1] = 0x40;
  append(body, "WAVE" + chunk("fmt ", format) + chunk("data", samples));
  const std::string whole = chunk("RIFF", body);
  return {whole.begin(), whole.end()};
}

TEST(NoContent, OfSoundsIsSilenceAndNotAClick) {
  EXPECT_THAT(warnings_of(Modality::kAudio, clicks_at({})),
              ElementsAre(HasSubstr("input: the sound is silent")));
  EXPECT_THAT(warnings_of(Modality::kAudio, clicks_at({1})), IsEmpty());
}

// --- Depth maps and thermal pictures -----------------------------------------------------------

/// An NPY file of (64, 64) whole numbers of 16 bits.
Bytes map_of(const std::function<int(int x, int y)>& value) {
  std::string header = "{'descr': '<u2', 'fortran_order': False, 'shape': (64, 64), }";
  header.resize(117, ' ');
  Bytes bytes;
  append(bytes, std::string("\x93NUMPY\x01\x00", 8));
  append_number(bytes, static_cast<std::uint16_t>(header.size() + 1));
  append(bytes, header + "\n");
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x)
      append_number(bytes, static_cast<std::uint16_t>(value(x, y)));
  return bytes;
}

TEST(NoContent, OfDepthMapsIsOneDepth) {
  const auto is_said = ElementsAre(HasSubstr("input: the depth map has the same depth everywhere"));
  EXPECT_THAT(warnings_of(Modality::kDepth, map_of([](int, int) { return 2000; })), is_said);
  // A sensor's steps, and holes, which are filled.
  EXPECT_THAT(warnings_of(Modality::kDepth, map_of([](int x, int) { return 2000 + x % 2; })),
              is_said);
  EXPECT_THAT(
      warnings_of(Modality::kDepth, map_of([](int x, int y) { return x + y == 9 ? 0 : 2000; })),
      is_said);
  // A post before the wall, a few pixels wide.
  EXPECT_THAT(
      warnings_of(Modality::kDepth, map_of([](int x, int) { return x == 9 ? 1500 : 2000; })),
      IsEmpty());
}

TEST(NoContent, OfDepthMapsWithoutAnyDepthIsAnError) {
  const Error error =
      test::error_of([] { warnings_of(Modality::kDepth, map_of([](int, int) { return 0; })); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), HasSubstr("input: no pixel of the depth map has a depth"));
}

/// A BMP file of (64, 64) grey pixels of one level.
Bytes grey_picture(std::uint8_t level) {
  constexpr std::uint32_t kHeader = 54, kBytes = 64 * 64 * 3;
  Bytes bytes;
  append(bytes, "BM");
  append_words(bytes,
               {kHeader + kBytes, 0, kHeader, 40, 64, 64, 1 | 24 << 16, 0, kBytes, 0, 0, 0, 0});
  bytes.insert(bytes.end(), kBytes, level);
  return bytes;
}

TEST(NoContent, OfThermalPicturesIsOneTemperature) {
  EXPECT_THAT(warnings_of(Modality::kThermal, grey_picture(90)),
              ElementsAre(HasSubstr("input: the thermal picture has no contrast")));
  const Error same = test::error_of(
      [] { warnings_of(Modality::kThermal, map_of([](int, int) { return 30000; })); });
  EXPECT_EQ(same.kind(), ErrorKind::kInput) << "measurements without a range can't be shown";
  EXPECT_THAT(same.what(), HasSubstr("input: nearly all measurements are the same"));
  EXPECT_THAT(warnings_of(Modality::kThermal, map_of([](int x, int y) {
                            return 30000 + (x > 20 && y > 20 ? 900 : 0);
                          })),
              IsEmpty());
}

// --- Motion ------------------------------------------------------------------------------------

/// A CSV file of five seconds at 100 Hz.
Bytes motion_of(const std::function<std::vector<double>(int sample)>& values) {
  std::string text = "acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";
  for (int i = 0; i < 500; ++i) {
    std::string line;
    for (const double value : values(i)) {
      if (!line.empty()) line += ',';
      line += std::to_string(value);
    }
    text += line;
    text += '\n';
  }
  return {text.begin(), text.end()};
}

TEST(NoContent, OfMotionIsASensorThatWasOff) {
  using Row = std::vector<double>;
  EXPECT_THAT(warnings_of(Modality::kImu, motion_of([](int) { return Row{0, 0, 0, 0, 0, 0}; })),
              ElementsAre(HasSubstr("input: the recording has zeros only")));
  EXPECT_THAT(warnings_of(Modality::kImu, motion_of([](int) { return Row{1, 1, 1, 2, 2, 2}; })),
              ElementsAre(HasSubstr("the same values all the time")));
  // Lying still, and with one knock on the table.
  EXPECT_THAT(warnings_of(Modality::kImu, motion_of([](int) { return Row{0, 0, 9.81, 0, 0, 0}; })),
              IsEmpty());
  EXPECT_THAT(warnings_of(Modality::kImu, motion_of([](int i) {
                            const double knock = i == 250 ? 3 : 0;
                            return Row{knock, 0, 9.81, 0, knock / 10, 0};
                          })),
              IsEmpty());
}

}  // namespace
}  // namespace pandagpt
