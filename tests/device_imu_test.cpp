// Recordings of motion in the binary files of wearables and GoPro cameras, made by
// tools/reference/make_device_fixtures.py, whose formulas stand here again.
#include "media/devices/device_imu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <string>

#include "core/warnings.h"
#include "media/imu.h"
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

const fs::path kDevices = fs::path(PANDAGPT_FIXTURES) / "devices";
constexpr std::uint64_t kMaxFixtureBytes = 1 << 20;

std::string path_of(const std::string& name) {
  return (kDevices / name).string();
}

Bytes fixture(const std::string& name) {
  return read_file(kDevices / name, kMaxFixtureBytes);
}

/// The numbers of a file, with its own units.
RawImu read(const std::string& name) {
  std::optional<RawImu> raw = read_device_imu(path_of(name));
  EXPECT_TRUE(raw) << name;
  return raw ? std::move(*raw) : RawImu{};
}

std::string refusal(const std::function<void()>& act) {
  const Error error = test::error_of(act);
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
  EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  return error.what();
}

std::array<double, 3> counts(int i) {
  return {static_cast<double>(i % 50 - 20), static_cast<double>(-2 * (i % 30)),
          static_cast<double>(250 + i % 7)};
}

/// The accelerometer of a wearable: g of the i-th sample by `expected`.
void expect_wearable(const RawImu& raw, int n_samples, double rate,
                     const std::function<std::array<double, 3>(int)>& expected,
                     double time_tolerance, const std::string& what) {
  ASSERT_EQ(raw.samples.size(), static_cast<std::size_t>(n_samples)) << what;
  ASSERT_EQ(raw.times.size(), raw.samples.size()) << what;
  EXPECT_EQ(raw.time_unit, 1) << what;
  ASSERT_TRUE(raw.acceleration) << what;
  EXPECT_NEAR(raw.acceleration->factor, kStandardGravity, 1e-9) << what;
  for (int i = 0; i < n_samples; ++i) {
    const auto at = static_cast<std::size_t>(i);
    ASSERT_NEAR(raw.times[at] - raw.times[0], i / rate, time_tolerance) << what << " " << i;
    for (std::size_t axis = 0; axis < 3; ++axis)
      ASSERT_NEAR(raw.samples[at][axis], expected(i)[axis], 1e-9) << what << " " << i;
  }
}

std::array<double, 3> in_g(int i) {
  const auto [x, y, z] = counts(i);
  return {x / 256, y / 256, z / 256};
}

TEST(Axivity, Ax3IsPacked) {
  const auto expected = [](int i) {
    return i % 60 == 0 ? std::array{1 / 16.0, -1 / 16.0, 4.0} : in_g(i);
  };
  const RawImu whole = read("ax3.cwa");
  expect_wearable(whole, 480, 100, expected, 1e-6, "ax3");
  EXPECT_FALSE(whole.has_gyroscope);
  EXPECT_EQ(whole.report.device, "Axivity AX3");
  // Fractions of a second are told to whole samples.
  expect_wearable(read("ax3_fraction.cwa"), 480, 100, expected, 0.0101, "with fractions");
}

TEST(Axivity, Ax6HasAGyroscope) {
  const RawImu raw = read("ax6.cwa");
  expect_wearable(raw, 200, 50, in_g, 0.0201, "ax6");
  EXPECT_TRUE(raw.has_gyroscope);
  EXPECT_EQ(raw.report.device, "Axivity AX6");
  ASSERT_TRUE(raw.rotation);
  EXPECT_NEAR(raw.rotation->factor, std::numbers::pi / 180, 1e-12);
  for (int i = 0; i < 200; ++i) {
    const auto& sample = raw.samples[static_cast<std::size_t>(i)];
    EXPECT_NEAR(sample[3], 10 * i * 2000 / 32768.0, 1e-9);
    EXPECT_NEAR(sample[4], -5 * i * 2000 / 32768.0, 1e-9);
    EXPECT_NEAR(sample[5], 300 * 2000 / 32768.0, 1e-9);
  }
}

TEST(Axivity, DamagedSectorsAreLeftOut) {
  Bytes bytes = fixture("ax3.cwa");
  bytes[1024 + 512 + 100] ^= 1U;  // its checksum is another one now
  const WarningCollector warnings;
  const auto raw = read_device_imu(bytes, "a.cwa");
  ASSERT_TRUE(raw);
  EXPECT_EQ(raw->samples.size(), 360U);
  EXPECT_THAT(warnings.messages(), ElementsAre("a.cwa: 1 damaged sectors are left out"));
  EXPECT_THAT(refusal([&] {
                decode_imu({bytes.begin(), bytes.begin() + 1200}, "a.cwa");
              }),
              HasSubstr("no whole sector"));
}

TEST(Axivity, APartOfARecording) {
  const auto raw = read_device_imu(path_of("ax3.cwa") + "#@1.5-2");
  ASSERT_TRUE(raw);
  ASSERT_EQ(raw->samples.size(), 50U);
  EXPECT_NEAR(raw->times[0], 1.5, 1e-6);
  EXPECT_NEAR(raw->samples[3][0], in_g(153)[0], 1e-9);
  EXPECT_THAT(refusal([] { load_imu(path_of("ax3.cwa") + "#@60-70"); }),
              HasSubstr("has no samples at that time"));
  EXPECT_THAT(refusal([] { load_imu(path_of("ax3.cwa") + "#/imu"); }), HasSubstr("no topics"));
}

TEST(ActiGraph, BothKindsOfActivity) {
  for (const std::string name : {"activity.gt3x", "activity2.gt3x"}) {
    const WarningCollector warnings;
    const RawImu raw = read(name);
    expect_wearable(raw, 180, 30, in_g, 1e-6, name);
    EXPECT_FALSE(raw.has_gyroscope);
    EXPECT_EQ(raw.report.device, "ActiGraph wGT3XBT");
    EXPECT_THAT(warnings.messages(), IsEmpty());
  }
}

TEST(ActiGraph, SleepIsStillness) {
  const WarningCollector warnings;
  const auto expected = [](int i) { return in_g(i >= 60 && i < 120 ? 59 : i); };
  expect_wearable(read("sleep.gt3x"), 180, 30, expected, 1e-6, "sleep");
  ASSERT_EQ(warnings.messages().size(), 1U);
  EXPECT_THAT(warnings.messages()[0], HasSubstr("slept for 2 s"));
}

TEST(ActiGraph, OtherArchivesAreNone) {
  EXPECT_FALSE(read_device_imu(fixture("hero5.raw"), "a") == std::nullopt);
  const Bytes zip = fixture("activity.gt3x");
  EXPECT_THAT(refusal([&] {
                decode_imu({zip.begin(), zip.end() - 30}, "a.gt3x");
              }),
              HasSubstr("zip archive"));
}

TEST(GeneActiv, TheDeviceBeforeItIsRefusedByName) {
  const std::string text = "GENEA/1.00\r\nSerial-Number:01275\r\n";
  EXPECT_THAT(refusal([&] { decode_imu(Bytes(text.begin(), text.end()), "a.bin"); }),
              HasSubstr("a recording of a GENEA"));
}

TEST(GeneActiv, ItsCalibrationGivesG) {
  const auto expected = [](int i) {
    const auto [x, y, z] = counts(i);
    return std::array{(100 * x - 256) / 25600, (100 * y + 500) / 25000, 100 * z / 26000};
  };
  const RawImu raw = read("geneactiv.bin");
  expect_wearable(raw, 600, 40, expected, 1e-6, "geneactiv");
  EXPECT_FALSE(raw.has_gyroscope);
  EXPECT_EQ(raw.report.device, "GENEActiv 1.1");
}

// --- GoPro ---------------------------------------------------------------------------------------

/// X, Y, Z of the camera in SI units; whole numbers of the file are 1/418 m/s2 and 1/3755 rad/s.
void expect_camera(const RawImu& raw, int n_seconds, int rate, const std::string& what) {
  const int n_samples = n_seconds * rate;
  // The gyroscope's last sample may come before the accelerometer's.
  ASSERT_GE(raw.samples.size(), static_cast<std::size_t>(n_samples - 1)) << what;
  EXPECT_TRUE(raw.has_gyroscope);
  for (std::size_t i = 0; i < raw.samples.size(); ++i) {
    const double number = static_cast<double>(i);
    const double time = raw.times[i] - raw.times[0];
    ASSERT_NEAR(time, number / rate, 0.002) << what;
    EXPECT_NEAR(raw.samples[i][0], 0.01 * number, 0.0013) << what << " " << i;
    EXPECT_NEAR(raw.samples[i][1], -0.02 * number, 0.0013) << what << " " << i;
    EXPECT_NEAR(raw.samples[i][2], 9.8, 0.0013) << what << " " << i;
    EXPECT_NEAR(raw.samples[i][3], 0.5, 0.0002) << what << " " << i;
    EXPECT_NEAR(raw.samples[i][4], 0.1 * time, 0.0004) << what << " " << i;
    EXPECT_NEAR(raw.samples[i][5], -0.25, 0.0002) << what << " " << i;
  }
}

TEST(GoPro, FilmsOfEachCamera) {
  expect_camera(read("hero5.mp4"), 3, 200, "HERO5");
  expect_camera(read("hero6.mp4"), 3, 200, "HERO6");
  const RawImu max = read("max.mp4");
  expect_camera(max, 3, 100, "MAX");
  EXPECT_EQ(max.report.device, "GoPro Max");
  for (const std::string name : {"hero5.mp4", "max.mp4"}) {
    const auto of_buffer = read_device_imu(fixture(name), name);
    ASSERT_TRUE(of_buffer);
    EXPECT_EQ(of_buffer->samples, read(name).samples);
  }
}

TEST(GoPro, GpmfAlone) {
  const WarningCollector warnings;
  expect_camera(read("hero5.raw"), 1, 200, "raw");
  EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("GPMF without times")));
  const Bytes bytes = fixture("hero5.raw");
  EXPECT_THAT(refusal([&] {
                decode_imu({bytes.begin(), bytes.begin() + 900}, "a.raw");
              }),
              HasSubstr("truncated or damaged"));
}

TEST(GoPro, OtherFilmsHaveNoMotion) {
  const fs::path film = fs::path(PANDAGPT_FIXTURES) / "video";
  for (const auto& entry : fs::directory_iterator(film)) {
    if (entry.path().extension() != ".mp4") continue;
    EXPECT_THAT(refusal([&] { load_imu(entry.path()); }), HasSubstr("no recording of motion"));
    return;
  }
}

/// Every end and many changed bytes: an error or values, never anything else.
TEST(Devices, NoDamageIsFatal) {
  for (const std::string name :
       {"ax3.cwa", "ax6.cwa", "activity.gt3x", "geneactiv.bin", "hero5.raw", "max.mp4"}) {
    const Bytes whole = fixture(name);
    const WarningCollector warnings;
    const auto try_reading = [&](const Bytes& bytes) {
      try {
        decode_imu(bytes, name);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    };
    for (std::size_t size = 8; size < whole.size(); size += whole.size() / 50)
      try_reading({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    for (std::size_t at = 8; at < whole.size(); at += whole.size() / 120)
      for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0xFF}}) {
        Bytes changed = whole;
        changed[at] = value;
        try_reading(changed);
      }
  }
}

}  // namespace
}  // namespace pandagpt
