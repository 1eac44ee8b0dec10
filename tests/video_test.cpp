// Videos: frames and views against the reference's loader, and files that must be refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

extern "C" {
#include <libswscale/version.h>
}

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "media/video.h"
#include "pandagpt/error.h"
#include "preprocess/video.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const fs::path kFolder = fs::path(PANDAGPT_FIXTURES) / "video";
constexpr std::uint64_t kMaxFixtureBytes = 1 << 20;

const nlohmann::json& manifest() {
  static const nlohmann::json content =
      nlohmann::json::parse(std::ifstream(kFolder / "manifest.json"));
  return content;
}

struct Difference {
  float largest = 0;
  double mean = 0;
};

Difference difference(const std::vector<float>& actual, const std::vector<float>& expected,
                      std::size_t step) {
  EXPECT_EQ((actual.size() + step - 1) / step, expected.size());
  Difference result;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float one = std::fabs(actual.at(i * step) - expected[i]);
    result.largest = std::max(result.largest, one);
    result.mean += static_cast<double>(one) / static_cast<double>(expected.size());
  }
  return result;
}

// Colours come from libswscale. With the version of FFmpeg 5 on x86 they are decord's bit by bit;
// other versions interpolate the chroma of odd sizes and of 10 bits in another way.
#if defined(__x86_64__) && LIBSWSCALE_VERSION_MAJOR <= 6
constexpr Difference kTolerance{.largest = 2e-6F, .mean = 1e-6};
#else
constexpr Difference kTolerance{.largest = 2.0F, .mean = 0.06};
#endif

class EveryVideo : public testing::TestWithParam<nlohmann::json> {
 protected:
  const nlohmann::json& entry() const { return GetParam(); }
  fs::path path() const { return kFolder / entry()["file"].get<std::string>(); }
};

TEST_P(EveryVideo, IsDescribed) {
  const VideoReader video(path());
  const VideoInfo& info = video.info();
  EXPECT_EQ(video.name(), path().string());
  EXPECT_EQ(info.frames, entry()["frames"]);
  EXPECT_EQ(info.frames_per_second, entry()["rate"].get<double>());
  EXPECT_EQ(info.duration, double(info.frames) / info.frames_per_second);
  EXPECT_EQ(info.width, entry()["width"]);
  EXPECT_EQ(info.height, entry()["height"]);
  EXPECT_EQ(info.rotation, entry()["rotation"]);
  EXPECT_EQ(info.has_sound, entry()["sound"]);
  EXPECT_FALSE(info.codec.empty());
}

TEST_P(EveryVideo, IsLookedAtWhereTheReferenceLooks) {
  const VideoReader video(path());
  std::vector<std::int64_t> expected;
  for (const auto& clip : entry()["numbers"])
    expected.insert(expected.end(), clip.begin(), clip.end());
  EXPECT_EQ(video_frame_numbers(video.info()), expected);
}

TEST_P(EveryVideo, GivesTheReferencesViews) {
  static const GgufFile expected(kFolder / "expected.gguf");
  VideoReader video(path());
  const std::vector<float> tensor = video_tensor(video);
  ASSERT_EQ(tensor.size(), std::size_t(15) * 3 * 2 * 224 * 224);
  const Difference found = difference(tensor, expected.read_f32(entry()["file"].get<std::string>()),
                                      manifest()["tensor_step"]);
  EXPECT_LE(found.largest, kTolerance.largest);
  EXPECT_LE(found.mean, kTolerance.mean);
}

// Frames that are jumped to are those that decoding from the start gives, in any order of asking.
TEST_P(EveryVideo, JumpsToTheRightFrame) {
  VideoReader in_order(path());
  std::vector<std::int64_t> all(std::size_t(in_order.info().frames));
  std::iota(all.begin(), all.end(), 0);
  std::map<std::int64_t, Bytes> pictures;
  in_order.read_frames(all, [&](std::int64_t frame, const Image& picture) {
    EXPECT_EQ(picture.width, in_order.info().width);
    EXPECT_EQ(picture.height, in_order.info().height);
    pictures[frame] = picture.rgb;
  });
  ASSERT_EQ(pictures.size(), all.size());
  VideoReader jumping(path(), {}, 1);
  for (const std::int64_t twentieth : {19, 3, 11, 12, 0, 16, 7}) {
    const std::int64_t frame = (in_order.info().frames - 1) * twentieth / 19;
    EXPECT_EQ(jumping.frame(frame).rgb, pictures[frame]) << frame;
  }
}

TEST_P(EveryVideo, IsTheSameFromMemory) {
  const Bytes bytes = read_file(path(), kMaxFixtureBytes);
  VideoReader from_memory(bytes, "buffer");
  VideoReader from_file(path());
  EXPECT_EQ(from_memory.name(), "buffer");
  const std::int64_t middle = from_file.info().frames / 2;
  EXPECT_EQ(from_memory.frame(middle).rgb, from_file.frame(middle).rgb);
}

// Cut or damaged anywhere, a file gives pictures or one clear line; never a crash.
TEST_P(EveryVideo, DamagedIsReadOrRefused) {
  const Bytes whole = read_file(path(), kMaxFixtureBytes);
  const auto attempt = [](ByteView bytes) {
    try {
      VideoReader video(bytes, "part", {}, 1);
      const std::vector<std::int64_t> ends{0, video.info().frames - 1};
      video.read_frames(
          ends, [](std::int64_t, const Image& picture) { EXPECT_FALSE(picture.rgb.empty()); });
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_THAT(error.what(), StartsWith("part: "));
    }
  };
  for (std::size_t fifth = 0; fifth < 5; ++fifth) {
    attempt(ByteView(whole).first(whole.size() * fifth / 5));
    Bytes damaged = whole;
    const std::size_t begin = whole.size() * (2 * fifth + 1) / 10;
    for (std::size_t i = begin; i < std::min(begin + 200, whole.size()); ++i)
      damaged[i] = static_cast<std::uint8_t>(damaged[i] * 31 + 7);
    attempt(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(Video, EveryVideo, testing::ValuesIn(manifest()["files"]),
                         [](const auto& test) {
                           auto name = test.param["file"].template get<std::string>();
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// --- Other than the reference's parameters -------------------------------------------------------

TEST(Views, OneCropIsTheMiddleOne) {
  VideoReader video(kFolder / "h264_29_97_sound.mp4");
  const std::vector<float> three = video_tensor(video);
  VideoTransform transform;
  transform.n_crops = 1;
  const std::vector<float> one = video_tensor(video, transform);
  const std::size_t view = std::size_t(3) * 2 * 224 * 224;
  ASSERT_EQ(one.size(), 5 * view);
  for (std::size_t clip = 0; clip < 5; ++clip)
    EXPECT_TRUE(std::ranges::equal(std::span(one).subspan(clip * view, view),
                                   std::span(three).subspan((3 * clip + 1) * view, view)));
}

TEST(Views, FramesAreSpreadOverTheClip) {
  VideoInfo info;
  info.frames = 100;
  info.frames_per_second = 25;
  info.duration = 4;
  VideoTransform transform;
  transform.n_clips = 2;
  transform.frames_per_clip = 4;
  EXPECT_EQ(video_frame_numbers(info, transform),
            (std::vector<std::int64_t>{0, 16, 32, 49, 25, 41, 57, 74}));
  transform.frames_per_clip = 1;
  EXPECT_EQ(video_frame_numbers(info, transform), (std::vector<std::int64_t>{0, 25}));
}

// Slower than one frame a clip: the reference fails, here the frame that is on the screen is taken.
TEST(Views, OfASlideShowAreItsSlides) {
  VideoInfo info;
  info.frames = 3;
  info.frames_per_second = 0.25;
  info.duration = 12;
  for (const std::int64_t number : video_frame_numbers(info)) {
    EXPECT_GE(number, 0);
    EXPECT_LT(number, 3);
  }
}

TEST(Views, RefuseOtherNumbersOfCrops) {
  VideoReader video(kFolder / "one_frame.mp4");
  VideoTransform transform;
  transform.n_crops = 2;
  EXPECT_EQ(error_of([&] { video_tensor(video, transform); }).kind(), ErrorKind::kUsage);
}

TEST(Frames, HaveTimes) {
  const VideoReader video(kFolder / "h264_25.mp4");
  EXPECT_DOUBLE_EQ(video.time_of(0), 0);
  EXPECT_NEAR(video.time_of(50), 2, 1e-6);
  EXPECT_EQ(VideoReader(kFolder / "raw.h264").time_of(3), -1);
}

TEST(Frames, OutsideTheVideoAreRefused) {
  VideoReader video(kFolder / "one_frame.mp4");
  EXPECT_EQ(error_of([&] { video.frame(1); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(error_of([&] { video.frame(-1); }).kind(), ErrorKind::kUsage);
}

TEST(Frames, AskedForTwiceComeOnce) {
  VideoReader video(kFolder / "half_second.mp4");
  std::vector<std::int64_t> seen;
  video.read_frames(std::vector<std::int64_t>{7, 2, 7},
                    [&](std::int64_t frame, const Image&) { seen.push_back(frame); });
  EXPECT_EQ(seen, (std::vector<std::int64_t>{2, 7}));
}

// --- Files that must be refused --------------------------------------------------------------

std::string refusal(const fs::path& path, const VideoLimits& limits = {}) {
  const Error error = error_of([&] { VideoReader(path, limits).frame(0); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), StartsWith(path.string() + ": "));
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  return error.what();
}

TEST(BadVideo, WithoutPictures) {
  EXPECT_THAT(refusal(kFolder / "only_sound.mp4"), HasSubstr("no video"));
  EXPECT_THAT(refusal(fs::path(PANDAGPT_FIXTURES) / "audio" / "lossy.mp3"), HasSubstr("no video"));
}

// The boxes that describe a video, without the tables of its frames.
TEST(BadVideo, WithoutFrames) {
  const test::TemporaryFolder folder;
  const std::string whole = test::read_text(kFolder / "one_frame.mp4");
  std::string empty = whole;
  for (const char* table : {"stts", "stsz", "stsc", "stco"}) {
    const std::size_t at = empty.find(table);
    ASSERT_NE(at, std::string::npos) << table;
    empty.replace(at, 4, "free");
  }
  test::write_text(folder / "empty.mp4", empty);
  refusal(folder / "empty.mp4");
}

TEST(BadVideo, BeyondTheLimits) {
  EXPECT_THAT(refusal(kFolder / "h264_25.mp4", {.max_pixels = 96 * 72 - 1}),
              HasSubstr("96 x 72 pixels is larger than the limit"));
  EXPECT_THAT(refusal(kFolder / "h264_25.mp4", {.max_frames = 100}),
              HasSubstr("more than 100 frames"));
}

TEST(BadVideo, WhatIsNoVideo) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(refusal(folder / "none.mp4"), HasSubstr("no such file"));
  test::write_text(folder / "empty.mp4", "");
  EXPECT_THAT(refusal(folder / "empty.mp4"), HasSubstr("empty"));
  test::write_text(folder / "text.mp4", "This is a text file whose name ends in .mp4.\n");
  EXPECT_THAT(refusal(folder / "text.mp4"), HasSubstr("not an audio or video file"));
  test::write_text(folder / "list.mp4", "ffconcat version 1.0\nfile 'other.mp4'\n");
  refusal(folder / "list.mp4");
  refusal(fs::path(PANDAGPT_FIXTURES) / "images" / "exif1_jpg.jpg");
}

}  // namespace
}  // namespace pandagpt
