// Logs of robots: MCAP and ROS 1 bags of real writers (tools/reference/make_log_fixtures.py, whose
// formulas stand here again), and every kind of log that must be refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <string>

#include "core/warnings.h"
#include "media/image.h"
#include "media/imu.h"
#include "media/logs/address.h"
#include "media/logs/log_inputs.h"
#include "media/logs/log_summary.h"
#include "media/scalar_map.h"
#include "media/thermal.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const fs::path kLogs = fs::path(PANDAGPT_FIXTURES) / "logs";
constexpr std::uint64_t kMaxFixtureBytes = 1 << 20;
constexpr int kHeight = 6;
constexpr int kWidth = 8;
constexpr int kMaps = 8;
constexpr int kSamples = 150;

/// Logs that hold motion and depth alone.
const std::vector<std::string> kSmallLogs{
    "ros2_lz4.mcap", "ros2_none.mcap", "ros2_unchunked.mcap", "ros2_no_index.mcap",
    "ros1.mcap",     "ros1_bz2.bag",   "ros1_lz4.bag"};
const std::vector<std::string> kLargeLogs{"ros2_zstd.mcap", "ros1_none.bag"};

std::string path_of(const std::string& name) {
  return (kLogs / name).string();
}

Bytes fixture(const std::string& name) {
  return read_file(kLogs / name, kMaxFixtureBytes);
}

std::string refusal(const std::function<void()>& act) {
  const Error error = test::error_of(act);
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
  EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  return error.what();
}

float millimetres(int k, int x, int y) {
  return x == 0 && y == 0 ? 0 : static_cast<float>(1000 + 100 * k + 10 * y + x);
}

void expect_map(const ScalarMap& map, int k, const std::string& what) {
  ASSERT_EQ(map.width, kWidth) << what;
  ASSERT_EQ(map.height, kHeight) << what;
  EXPECT_TRUE(map.integer) << what;
  EXPECT_EQ(map.unit, MapUnit::kMillimetres) << what;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      ASSERT_EQ(map.values[static_cast<std::size_t>(y * kWidth + x)], millimetres(k, x, y))
          << what << " at " << x << ", " << y;
}

/// Of float maps, whose hole is no number.
void expect_metres(const ScalarMap& map, int k, double tolerance, const std::string& what) {
  ASSERT_EQ(map.values.size(), static_cast<std::size_t>(kWidth * kHeight)) << what;
  EXPECT_FALSE(map.integer) << what;
  EXPECT_EQ(map.unit, MapUnit::kMetres) << what;
  EXPECT_TRUE(std::isnan(map.values[0])) << what;
  for (int i = 1; i < kWidth * kHeight; ++i)
    ASSERT_NEAR(map.values[static_cast<std::size_t>(i)],
                millimetres(k, i % kWidth, i / kWidth) / 1000, tolerance)
        << what << " at " << i;
}

void expect_colours(const Image& image, int k, const std::string& what) {
  ASSERT_EQ(image.width, kWidth) << what;
  ASSERT_EQ(image.height, kHeight) << what;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      const std::uint8_t* pixel = &image.rgb[static_cast<std::size_t>(3 * (y * kWidth + x))];
      ASSERT_THAT(std::vector<int>(pixel, pixel + 3), ElementsAre(10 * x + k, 20 * y, 200 - x - y))
          << what << " at " << x << ", " << y;
    }
}

void expect_motion(const ImuRecording& recording, int first, int count, const std::string& what) {
  ASSERT_EQ(recording.samples.size(), static_cast<std::size_t>(count)) << what;
  for (int n = 0; n < count; ++n) {
    const auto& sample = recording.samples[static_cast<std::size_t>(n)];
    const int i = first + n;
    EXPECT_NEAR(recording.seconds[static_cast<std::size_t>(n)], 0.01 * n, 1e-9) << what;
    const double expected[] = {0.01 * i, -0.02 * i, 9.75, 0.001 * i, -0.002 * i, 0.25};
    for (std::size_t channel = 0; channel < 6; ++channel)
      EXPECT_NEAR(sample[channel], expected[channel], 1e-6) << what << " sample " << i;
  }
}

// --- Addresses -----------------------------------------------------------------------------------

TEST(LogAddress, HasTopicTimeSpanAndStep) {
  const auto parse = [](const std::string& name) {
    return parse_log_address(name, /*is_buffer=*/true);
  };
  EXPECT_EQ(parse("run.mcap").file, "run.mcap");
  EXPECT_FALSE(parse("run.mcap").has_place());
  EXPECT_EQ(parse("run.mcap#/camera/depth").topic, "/camera/depth");
  EXPECT_EQ(parse("run.mcap#/camera/depth@12.5").topic, "/camera/depth");
  EXPECT_EQ(parse("run.mcap#/camera/depth@12.5").from, 12.5);
  EXPECT_FALSE(parse("run.mcap#/camera/depth@12.5").is_span);
  EXPECT_EQ(parse("run.mcap#@3").from, 3);
  EXPECT_EQ(parse("run.mcap#@3").topic, "");
  const LogAddress span = parse("a#b.mcap#/imu@2-8.25");
  EXPECT_EQ(span.file, "a#b.mcap");
  EXPECT_TRUE(span.is_span);
  EXPECT_EQ(span.from, 2);
  EXPECT_EQ(span.until, 8.25);
  EXPECT_TRUE(parse("a#/imu@2-").is_span);
  EXPECT_FALSE(parse("a#/imu@2-").until);
  const LogAddress steps = parse("a#/imu@0-10:0.5");
  EXPECT_EQ(steps.step, 0.5);
  EXPECT_EQ(steps.until, 10);
  for (const char* wrong : {"a#/x@", "a#/x@now", "a#/x@1e3", "a#/x@-", "a#/x@3-2", "a#/x@2-2",
                            "a#/x@0:0", "a#/x@1s", "a#/x@nan", "a#/x@1-2-3", "a#/x@9999999999"})
    EXPECT_THAT(refusal([&] { parse(wrong); }), HasSubstr("no time stands behind the '@'"))
        << wrong;
}

TEST(LogAddress, AFileGoesBeforeItsParts) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "a.mcap", "x");
  test::write_text(folder / "a.mcap#b", "x");
  EXPECT_EQ(file_of((folder / "a.mcap#b").string()), (folder / "a.mcap#b").string());
  EXPECT_EQ(file_of((folder / "a.mcap#c").string()), (folder / "a.mcap").string());
  EXPECT_EQ(file_of((folder / "none#c").string()), (folder / "none#c").string());
}

// --- Pictures and maps ---------------------------------------------------------------------------

TEST(RobotLogs, EveryContainerGivesTheSameDepth) {
  for (const std::string& name : kSmallLogs) {
    WarningCollector warnings;
    expect_map(load_scalar_map(path_of(name)), 0, name);  // the only topic that fits, its first
    for (const int k : {0, 3, 7}) {
      const std::string place = "#/camera/depth@" + std::to_string(0.1 * k);
      expect_map(load_scalar_map(path_of(name) + place), k, name + place);
      expect_map(decode_scalar_map(fixture(name), name + place), k, name + place + " of a buffer");
    }
    EXPECT_THAT(warnings.messages(), IsEmpty()) << name;
  }
}

TEST(RobotLogs, EveryTypeOfPictureGivesItsValues) {
  for (const std::string& name : kLargeLogs) {
    const std::string path = path_of(name);
    expect_map(load_scalar_map(path + "#/camera/depth@0.2"), 2, name);
    expect_map(load_scalar_map(path + "#camera/depth@0.1"), 1, name + " without the slash");
    expect_metres(load_scalar_map(path + "#/camera/metres@0.2"), 2, 1e-6, name);
    expect_map(load_scalar_map(path + "#/camera/depth/compressedDepth@0.3"), 3, name + " png");
    expect_map(load_scalar_map(path + "#/camera/depth/rvl@0.4"), 4, name + " rvl");
    // Steps of inverse depth: a step is d^2 / 10100 m.
    expect_metres(load_scalar_map(path + "#/camera/metres/compressedDepth@0.2"), 2, 2e-4, name);
    expect_colours(load_image(path + "#/camera/color@0.5"), 5, name);
    expect_colours(load_image(path + "#/camera/color/compressed@0.5"), 5, name);
  }
}

TEST(RobotLogs, ThermalCountsBecomeGrey) {
  for (const std::string& name : kLargeLogs) {
    const ThermalRange range{.coldest = 0, .warmest = 7 * 2550};
    const Image grey = load_thermal(path_of(name) + "#/thermal@0.1", range);
    ASSERT_EQ(grey.width, kWidth);
    EXPECT_EQ(grey.rgb[0], 0);
    const float last = millimetres(1, kWidth - 1, kHeight - 1);
    EXPECT_EQ(grey.rgb.back(), std::lround(last / 10)) << name;
    // Colours turn grey.
    const Image colours = load_thermal(path_of(name) + "#/camera/color");
    EXPECT_EQ(colours.rgb[0], colours.rgb[1]);
  }
}

TEST(RobotLogs, TheNearestMessageIsTaken) {
  const std::string path = path_of("ros2_lz4.mcap") + "#/camera/depth@";
  expect_map(load_scalar_map(path + "0.14"), 1, "0.14");
  expect_map(load_scalar_map(path + "0.16"), 2, "0.16");
  expect_map(load_scalar_map(path + "1.5"), 7, "behind the last one");
  EXPECT_THAT(refusal([&] { load_scalar_map(path + "60"); }),
              AllOf(StartsWith(path + "60: the log ends 1.490 s"), HasSubstr("earlier time")));
  EXPECT_THAT(refusal([&] { load_scalar_map(path + "0-1"); }), HasSubstr("a span of time is no"));
  EXPECT_THAT(refusal([&] { load_scalar_map(path + ":0.5"); }),
              HasSubstr("stands for many inputs"));
}

TEST(RobotLogs, TopicsAreChosenOrListed) {
  const std::string path = path_of("ros1_none.bag");
  EXPECT_THAT(refusal([&] { load_scalar_map(path); }),
              AllOf(StartsWith(path + ": 6 topics fit --depth: /camera/depth (sensor_msgs/Image, "
                                      "16UC1), "),
                    HasSubstr("name one: " + path + "#/camera/depth")));
  EXPECT_THAT(refusal([&] { load_image(path); }), HasSubstr("2 topics fit --image: /camera/color"));
  EXPECT_THAT(refusal([&] { load_image(path + "#/nothing"); }),
              HasSubstr("the log has no topic /nothing; it has /camera/color (sensor_msgs/Image, "
                        "rgb8)"));
  EXPECT_THAT(refusal([&] { load_image(path + "#/imu"); }),
              HasSubstr("/imu holds sensor_msgs/Imu, sensor_msgs/Image was expected"));
  EXPECT_THAT(refusal([&] { load_imu(path + "#/thermal"); }),
              HasSubstr("/thermal holds sensor_msgs/Image, sensor_msgs/Imu was expected"));
  EXPECT_THAT(refusal([&] { load_image(path + "#/camera/depth"); }),
              HasSubstr("\"16UC1\" are measurements, not colours; give it as depth"));
  EXPECT_THAT(refusal([&] { load_scalar_map(path + "#/camera/color"); }),
              HasSubstr("\"rgb8\" are no measurements"));
  EXPECT_THAT(refusal([&] { load_image(path_of("ros1_lz4.bag")); }),
              HasSubstr("no topic fits --image; the log has /camera/depth (sensor_msgs/Image, "
                        "16UC1), /imu (sensor_msgs/Imu)"));
}

// --- Motion --------------------------------------------------------------------------------------

TEST(RobotLogs, EveryContainerGivesTheSameMotion) {
  for (const auto* names : {&kSmallLogs, &kLargeLogs})
    for (const std::string& name : *names) {
      const ImuRecording recording = load_imu(path_of(name));
      expect_motion(recording, 0, kSamples, name);
      expect_motion(decode_imu(fixture(name), name), 0, kSamples, name + " of a buffer");
    }
}

TEST(RobotLogs, ASpanOfMotion) {
  for (const std::string& name : kSmallLogs) {
    expect_motion(load_imu(path_of(name) + "#/imu@0.195-0.6"), 20, 40, name);
    expect_motion(load_imu(path_of(name) + "#@0.195"), 20, 130, name + " from a time on");
  }
  EXPECT_THAT(refusal([] { load_imu(path_of("ros1.mcap") + "#/imu@1.495-1.6"); }),
              HasSubstr("/imu has no messages at that time"));
}

std::string little_endian(std::uint64_t value, int n_bytes) {
  std::string text;
  for (int i = 0; i < n_bytes; ++i)
    text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string record(char op, const std::string& body) {
  return op + little_endian(body.size(), 8) + body;
}

std::string counted(const std::string& text) {
  return little_endian(text.size(), 4) + text;
}

std::string doubles(std::initializer_list<double> values) {
  std::string text;
  for (const double value : values)
    text += little_endian(std::bit_cast<std::uint64_t>(value), 8);
  return text;
}

/// sensor_msgs/Imu of ROS 1 with a time in milliseconds.
std::string ros1_imu(int milliseconds, std::array<double, 3> rotation,
                     std::array<double, 3> acceleration, double covariance = 0) {
  const std::string none = doubles({0, 0, 0, 0, 0, 0, 0, 0, 0});
  return little_endian(0, 4) + little_endian(1, 4) +
         little_endian(static_cast<std::uint64_t>(milliseconds) * 1'000'000, 4) + counted("") +
         doubles({0, 0, 0, 1}) + none + doubles({rotation[0], rotation[1], rotation[2]}) +
         doubles({covariance}) + none.substr(8) +
         doubles({acceleration[0], acceleration[1], acceleration[2]}) + none;
}

Bytes mcap_with(const std::string& records) {
  const std::string magic("\x89MCAP0\r\n", 8);
  const std::string all = magic + records;
  return {all.begin(), all.end()};
}

std::string channel(int id, const std::string& topic, const std::string& type,
                    const std::string& encoding) {
  const auto number = static_cast<std::uint64_t>(id);
  return record(3, little_endian(number + 1, 2) + counted(type) + counted("") + counted("")) +
         record(4, little_endian(number, 2) + little_endian(number + 1, 2) + counted(topic) +
                       counted(encoding) + counted(""));
}

std::string message(int id, std::uint64_t time_ns, const std::string& data) {
  return record(5, little_endian(static_cast<std::uint64_t>(id), 2) + little_endian(0, 4) +
                       little_endian(time_ns, 8) + little_endian(time_ns, 8) + data);
}

const std::string kEnd = record(15, little_endian(0, 4));

TEST(RobotLogs, SensorsOfTwoTopicsAreJoined) {
  std::string records = channel(0, "/accel", "sensor_msgs/Imu", "ros1") +
                        channel(1, "/gyro", "sensor_msgs/Imu", "ros1");
  for (int i = 0; i < 100; ++i)
    records += message(0, 1 + static_cast<std::uint64_t>(i) * 10'000'000,
                       ros1_imu(10 * i, {0, 0, 0}, {0.5, 0, 9.75}));
  for (int i = 0; i < 200; ++i)  // twice as often, and between its samples
    records += message(1, 2 + static_cast<std::uint64_t>(i) * 5'000'000,
                       ros1_imu(5 * i, {0.001 * i, 0, -0.5}, {0, 0, 0}));
  const Bytes log = mcap_with(records + kEnd);
  for (const std::string topics : {"#/accel+/gyro", "#/gyro+/accel"}) {
    const ImuRecording recording = decode_imu(log, "a" + topics);
    ASSERT_GE(recording.samples.size(), 99U);
    EXPECT_NEAR(recording.samples[10][0], 0.5, 1e-6);
    EXPECT_NEAR(recording.samples[10][2], 9.75, 1e-6);
    EXPECT_NEAR(recording.samples[10][3], 0.02, 1e-6);
    EXPECT_NEAR(recording.samples[10][5], -0.5, 1e-6);
  }
  EXPECT_THAT(refusal([&] { decode_imu(log, "a#/gyro"); }),
              AllOf(HasSubstr("/gyro has no acceleration"), HasSubstr("a#/ACCELEROMETER+/gyro")));
  EXPECT_THAT(refusal([&] { decode_imu(log, "a#/accel+/accel"); }), HasSubstr("the rotation"));
  EXPECT_THAT(refusal([&] { decode_imu(log, "a"); }), HasSubstr("2 topics fit --imu"));
}

TEST(RobotLogs, ASensorThatTheMessageMarksAsMissing) {
  std::string records = channel(0, "/imu", "sensor_msgs/Imu", "ros1");
  for (int i = 0; i < 100; ++i)
    records += message(0, static_cast<std::uint64_t>(i) * 10'000'000,
                       ros1_imu(10 * i, {1, 2, 3}, {0.5, 0, 9.75}, /*covariance=*/-1));
  const Bytes log = mcap_with(records + kEnd);
  std::optional<LogInput> input = open_log(log, "a");
  ASSERT_TRUE(input);
  EXPECT_FALSE(read_log_imu(*input).has_gyroscope);
}

// --- Damage --------------------------------------------------------------------------------------

TEST(RobotLogs, WhatWasNotClosedIsReadThrough) {
  for (const std::string name : {"ros2_cut.mcap", "ros1_no_index.bag"}) {
    WarningCollector warnings;
    const ImuRecording recording = load_imu(path_of(name));
    EXPECT_GT(recording.samples.size(), 30U) << name;
    EXPECT_LT(recording.samples.size(), 150U) << name;
    expect_motion(recording, 0, static_cast<int>(recording.samples.size()), name);
    ASSERT_EQ(warnings.messages().size(), 1U) << name;
    EXPECT_THAT(warnings.messages()[0], HasSubstr("not closed"));
  }
}

TEST(RobotLogs, DamageIsNamed) {
  Bytes bytes = fixture("ros2_none.mcap");
  bytes[3000] ^= 1U;  // within the first chunk
  EXPECT_THAT(
      refusal([&] { decode_imu(bytes, "a.mcap"); }),
      AllOf(StartsWith("a.mcap: the chunk at byte "), HasSubstr("its checksum is another")));
  bytes = fixture("ros1_lz4.bag");
  for (std::size_t i = 6000; i < 6100; ++i)
    bytes[i] = 0;
  EXPECT_THAT(refusal([&] { decode_imu(bytes, "a.bag"); }), HasSubstr("is damaged"));
}

/// Every end and many changed bytes: an error or values, never anything else.
TEST(RobotLogs, NoDamageIsFatal) {
  for (const std::string name : {"ros2_lz4.mcap", "ros1_bz2.bag", "ros2_unchunked.mcap"}) {
    const Bytes whole = fixture(name);
    const WarningCollector warnings;
    const auto read = [&](const Bytes& bytes) {
      try {
        decode_imu(bytes, "a#/imu");
        decode_scalar_map(bytes, "a#/camera/depth@0.3");
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    };
    for (std::size_t size = 16; size < whole.size(); size += whole.size() / 60)
      read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    for (std::size_t at = 8; at < whole.size(); at += whole.size() / 150) {
      Bytes changed = whole;
      changed[at] = 0xFF;
      read(changed);
    }
  }
}

std::string chunk(std::uint64_t size, const std::string& method, const std::string& packed) {
  return record(6, little_endian(0, 16) + little_endian(size, 8) + little_endian(0, 4) +
                       counted(method) + little_endian(packed.size(), 8) + packed);
}

TEST(RobotLogs, LengthsAreJudgedBeforeMemory) {
  const WarningCollector warnings;
  const auto read = [](const std::string& records) {
    return refusal([&] { decode_imu(mcap_with(records), "a.mcap"); });
  };
  EXPECT_THAT(read(chunk(std::uint64_t{1} << 40, "zstd", "xxxx")),
              HasSubstr("larger than the limit of 512 MiB"));
  EXPECT_THAT(read(chunk(1 << 28, "lz4", "xxxx")), HasSubstr("doesn't unpack"));
  EXPECT_THAT(read(chunk(9, "brotli", "xxxx")),
              HasSubstr("compressed by \"brotli\", which this build can't unpack"));
  EXPECT_THAT(read(chunk(9, "", "xxxx")), HasSubstr("another size"));
  EXPECT_THAT(read(std::string("\x05") + little_endian(UINT64_MAX, 8)), HasSubstr("no topics"));
}

/// One message of a topic.
Bytes one_message(const std::string& type, const std::string& encoding, const std::string& data) {
  return mcap_with(channel(0, "/x", type, encoding) + message(0, 7, data) + kEnd);
}

std::string ros1_image(int width, int height, const std::string& encoding, const std::string& data,
                       int step) {
  return little_endian(0, 12) + counted("") + little_endian(static_cast<std::uint64_t>(height), 4) +
         little_endian(static_cast<std::uint64_t>(width), 4) + counted(encoding) + '\0' +
         little_endian(static_cast<std::uint64_t>(step), 4) + counted(data);
}

TEST(RobotLogs, OtherMessagesAreRefusedByName) {
  const auto read = [](const Bytes& bytes) {
    return refusal([&] { decode_image(bytes, "a.mcap#/x"); });
  };
  EXPECT_THAT(read(one_message("foxglove.RawImage", "protobuf", "")),
              HasSubstr("/x holds foxglove.RawImage, sensor_msgs/Image was expected"));
  EXPECT_THAT(read(one_message("sensor_msgs/Image", "json", "{}")),
              HasSubstr("/x holds sensor_msgs/Image as json; messages of ROS 1 and ROS 2 (cdr)"));
  EXPECT_THAT(read(one_message("sensor_msgs/Image", "ros1", "short")), HasSubstr("too short"));
  EXPECT_THAT(read(one_message("sensor_msgs/msg/Image", "cdr", std::string("\0\x09\0\0", 4))),
              HasSubstr("CDR of the kind 9"));
  const auto image = [](int width, const std::string& encoding, const std::string& data, int step) {
    return one_message("sensor_msgs/Image", "ros1", ros1_image(width, 2, encoding, data, step));
  };
  EXPECT_THAT(read(image(2, "rgb8", std::string(11, 'a'), 6)), HasSubstr("too few for \"rgb8\""));
  EXPECT_THAT(read(image(2, "rgb8", std::string(99, 'a'), 5)), HasSubstr("too few"));
  EXPECT_THAT(read(image(1 << 30, "rgb8", "", 6)), HasSubstr("million pixels"));
  EXPECT_THAT(read(image(2, "bayer_rggb16", std::string(99, 'a'), 6)),
              HasSubstr("pixels of the encoding \"bayer_rggb16\" aren't read"));
}

TEST(RobotLogs, OrdersOfChannels) {
  const auto first_pixel = [](const std::string& encoding, const std::string& data, int step) {
    const Image image = decode_image(
        one_message("sensor_msgs/Image", "ros1", ros1_image(2, 2, encoding, data, step)), "a#/x");
    return std::vector<int>(image.rgb.begin(), image.rgb.begin() + 3);
  };
  const std::string bytes("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10", 16);
  EXPECT_THAT(first_pixel("rgb8", bytes, 6), ElementsAre(1, 2, 3));
  EXPECT_THAT(first_pixel("bgr8", bytes, 6), ElementsAre(3, 2, 1));
  EXPECT_THAT(first_pixel("rgba8", bytes, 8), ElementsAre(1, 2, 3));
  EXPECT_THAT(first_pixel("bgra8", bytes, 8), ElementsAre(3, 2, 1));
  EXPECT_THAT(first_pixel("mono8", bytes, 2), ElementsAre(1, 1, 1));
  EXPECT_THAT(first_pixel("mono16", bytes, 4), ElementsAre(2, 2, 2));
  // A red filter at the top left: only red light.
  const Image red = decode_image(
      one_message("sensor_msgs/Image", "ros1",
                  ros1_image(4, 2, "bayer_rggb8", std::string("\xC8\0\xC8\0\0\0\0\0", 8), 4)),
      "a#/x");
  EXPECT_GT(red.rgb[0], 150);
  EXPECT_LT(red.rgb[2], 50);
}

TEST(RobotLogs, OtherFilesHaveNoPlaces) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "a.csv", "acc_x,acc_y\n1,2\n");
  const std::string path = (folder / "a.csv").string();
  EXPECT_THAT(refusal([&] { load_image(path + "#/camera"); }),
              AllOf(StartsWith(path + "#/camera: "), HasSubstr("a robot's log")));
}

// --- Summary -------------------------------------------------------------------------------------

TEST(RobotLogs, TheSummaryListsTopics) {
  for (const std::string& name : kSmallLogs) {
    const auto summary = summarize_log(path_of(name));
    ASSERT_TRUE(summary) << name;
    EXPECT_EQ(summary->start, "2023-11-14 22:13:20 UTC");
    EXPECT_NEAR(summary->duration, 1.49, 1e-9) << name;
    EXPECT_EQ(summary->n_messages, 158U) << name;
    ASSERT_EQ(summary->topics.size(), 2U) << name;
    const LogSummary::Topic& depth = summary->topics[0];
    EXPECT_EQ(depth.name, "/camera/depth");
    EXPECT_EQ(depth.type, "sensor_msgs/Image");
    EXPECT_EQ(depth.n_messages, static_cast<std::uint64_t>(kMaps));
    EXPECT_NEAR(depth.first, 0, 1e-9);
    EXPECT_NEAR(depth.last, 0.7, 1e-9);
    EXPECT_EQ(depth.content, "16UC1, 8 x 6");
    EXPECT_EQ(depth.inputs, "--depth, --thermal");
    const LogSummary::Topic& imu = summary->topics[1];
    EXPECT_EQ(imu.n_messages, static_cast<std::uint64_t>(kSamples));
    EXPECT_NEAR(imu.last, 1.49, 1e-9);
    EXPECT_EQ(imu.inputs, "--imu");
  }
  EXPECT_FALSE(summarize_log((fs::path(PANDAGPT_FIXTURES) / "sensors/manifest.json").string()));
}

}  // namespace
}  // namespace pandagpt
