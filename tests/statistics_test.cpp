// What kind of signal a tensor holds.
#include "preprocess/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "random_values.h"

namespace pandagpt {
namespace {

constexpr int kSteps = 250;
constexpr double kStep = 0.02;
constexpr double kGravity = 9.81;

using Sample = std::array<double, 6>;

std::vector<float> clip_of(const std::function<Sample(double seconds)>& motion) {
  std::vector<float> clip(std::size_t{6} * kSteps);
  for (int i = 0; i < kSteps; ++i) {
    const Sample sample = motion(i * kStep);
    for (std::size_t channel = 0; channel < sample.size(); ++channel)
      clip[channel * kSteps + i] = static_cast<float>(sample[channel]);
  }
  return clip;
}

std::vector<float> statistics_of(const std::function<Sample(double seconds)>& motion) {
  return motion_statistics(clip_of(motion), kSteps, kStep);
}

/// A device that turns about its x axis at `speed`, with gravity in its y-z plane.
Sample turning(double seconds, double speed) {
  const double angle = speed * seconds;
  return {0, kGravity * std::sin(angle), kGravity * std::cos(angle), speed, 0, 0};
}

// Places in motion_statistics.
enum Place : std::size_t {
  kPull = 0,
  kDeviation = 2,
  kLag1 = 3,
  kLag3 = 5,
  kUnequal = 7,
  kSpace = 8,
  kTurnDeviation = 9,
  kTurn = 16,
  kAgreement = 18,
  kUnexplained = 19
};

TEST(MotionStatistics, OfADeviceAtRest) {
  const std::vector<float> rest = statistics_of([](double) { return Sample{0, 0, kGravity}; });
  ASSERT_EQ(rest.size(), std::size_t{kMotionStatistics});
  EXPECT_NEAR(rest[kPull], std::log(kGravity + 0.1), 1e-5);
  EXPECT_NEAR(rest[kDeviation], std::log(0.05), 1e-5) << "a sensor's noise";
  EXPECT_NEAR(rest[kTurn], std::log(0.02), 1e-5);
  EXPECT_NEAR(rest[kAgreement], 0, 1e-5);
}

TEST(MotionStatistics, GravityTurnsWithTheDevice) {
  const std::vector<float> true_turn = statistics_of([](double t) { return turning(t, 1.5); });
  EXPECT_GT(true_turn[kAgreement], 0.99F);
  EXPECT_LT(true_turn[kUnexplained], -3);
  const std::vector<float> other_way = statistics_of([](double t) {
    Sample sample = turning(t, 1.5);
    sample[3] = -sample[3];
    return sample;
  });
  EXPECT_LT(other_way[kAgreement], -0.99F);
  EXPECT_GT(other_way[kUnexplained], 1);
}

TEST(MotionStatistics, AreTheSameHoweverTheSensorIsTurned) {
  const auto motion = [](double t) {
    return Sample{2 * std::sin(9 * t),   std::cos(5 * t),        kGravity + std::sin(7 * t),
                  0.5 * std::sin(3 * t), 0.2 * std::cos(11 * t), 0.1};
  };
  const auto turned = [&](double t) {  // x to y, y to z, z to x
    const Sample s = motion(t);
    return Sample{s[2], s[0], s[1], s[5], s[3], s[4]};
  };
  const std::vector<float> one = statistics_of(motion), other = statistics_of(turned);
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_NEAR(one[i], other[i], 1e-3) << i;
}

TEST(MotionStatistics, TellNoiseFromSwinging) {
  const std::vector<float> values = test::normal_values(std::size_t{6} * kSteps, 3);
  const std::vector<float> noise = motion_statistics(values, kSteps, kStep);
  const std::vector<float> swinging = statistics_of([](double t) {
    return Sample{3 * std::sin(2 * std::numbers::pi * t), 0, kGravity};
  });
  EXPECT_NEAR(noise[kLag1], 0, 0.15);
  EXPECT_GT(swinging[kLag1], 0.95F);
  EXPECT_NEAR(swinging[kLag3], std::cos(0.32 * std::numbers::pi), 0.03) << "0.16 s later";
  EXPECT_NEAR(swinging[kUnequal], 1, 0.01) << "one axis";
  EXPECT_NEAR(noise[kUnequal], 1.0 / 3, 0.05);
  EXPECT_NEAR(noise[kSpace], 1, 0.1);
  EXPECT_NEAR(noise[kTurnDeviation], 0.5 * std::log(3), 0.1);
}

TEST(MotionStatistics, AreFiniteForWhateverIsMeasured) {
  EXPECT_THAT(statistics_of([](double) { return Sample{}; }),
              testing::Each(testing::Truly([](float x) { return std::isfinite(x); })));
  EXPECT_THAT(statistics_of([](double t) { return turning(1e3 * t, 1e4); }),
              testing::Each(testing::Truly([](float x) { return std::isfinite(x); })));
  EXPECT_TRUE(motion_statistics(std::vector<float>(54), 9, 0.1).empty()) << "0.9 s";
}

std::vector<float> plane_of(int height, int width,
                            const std::function<float(int y, int x)>& value) {
  std::vector<float> plane;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      plane.push_back(value(y, x));
  return plane;
}

TEST(PlaneStatistics, AreTheSameForAnotherBrightnessAndContrast) {
  const auto waves = [](int y, int x) {
    return std::sin(0.3F * float(y)) + std::cos(0.1F * float(x * y));
  };
  const auto brighter = [&](int y, int x) { return 40 + 7 * waves(y, x); };
  const std::vector<float> one = plane_statistics(plane_of(64, 96, waves), 64, 96);
  const std::vector<float> other = plane_statistics(plane_of(64, 96, brighter), 64, 96);
  ASSERT_EQ(one.size(), std::size_t{kPlaneStatistics});
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_NEAR(one[i], other[i], 1e-3) << i;
}

TEST(PlaneStatistics, TellDirectionsAndScales) {
  // Stripes of four columns: rows change, columns don't; at the third scale they are grey.
  const std::vector<float> stripes = plane_statistics(
      plane_of(64, 64, [](int, int x) { return x / 4 % 2 == 0 ? 0.0F : 1.0F; }), 64, 64);
  const auto along_row = [&](int scale) {
    return stripes[2 + 4 * static_cast<std::size_t>(scale)];
  };
  const auto along_column = [&](int scale) {
    return stripes[4 + 4 * static_cast<std::size_t>(scale)];
  };
  EXPECT_NEAR(along_row(0), std::log(4.0 * 15 / 63), 1e-3) << "15 edges of height 2 in 63 steps";
  EXPECT_NEAR(along_row(2), std::log(4.0), 1e-3);
  EXPECT_NEAR(along_row(3), std::log(1e-4), 1e-2);
  EXPECT_NEAR(along_column(0), std::log(1e-4), 1e-2);
}

TEST(PlaneStatistics, OfOneColourAreFiniteAndOfASmallPlaneNone) {
  for (const float value : plane_statistics(std::vector<float>(32 * 32, 5), 32, 32))
    EXPECT_TRUE(std::isfinite(value));
  EXPECT_TRUE(plane_statistics(std::vector<float>(31 * 32), 31, 32).empty());
}

TEST(SoundStatistics, EndWithTheSpectrumInBands) {
  const std::vector<float> low = sound_statistics(
      plane_of(128, 204, [](int bin, int) { return bin < 16 ? 1.0F : 0.0F; }), 128, 204);
  ASSERT_EQ(low.size(), std::size_t{kSoundStatistics});
  EXPECT_NEAR(low[kPlaneStatistics], std::sqrt(7.0), 1e-3);  // a share of 1/8 stands out
  for (std::size_t band = 1; band < kSoundBands; ++band)
    EXPECT_NEAR(low[kPlaneStatistics + band], -1 / std::sqrt(7.0), 1e-3);
}

}  // namespace
}  // namespace pandagpt
