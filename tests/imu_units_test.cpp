// What the numbers of a recording can be: units, gravity, rates, told by the sensors together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "imu_support.h"
#include "media/imu_physics.h"
#include "media/imu_raw.h"
#include "media/imu_times.h"

namespace pandagpt {
namespace {

using test::cells;
using test::decode;
using test::expect_motion;
using test::kG;
using test::kRadian;
using test::Motion;
using test::refusal_of;
using test::table;
using test::warnings_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kHeader[] = "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";

std::string with(const std::function<test::Triple(const Motion&)>& acceleration,
                 double rotation_factor = 1, double swing = 0.6,
                 const std::string& header = kHeader) {
  return table(
      header,
      [&](const Motion& at, int) {
        return fmt::format("{:.9g},", at.time) + cells(acceleration(at)) + "," +
               cells(at.rotation, rotation_factor);
      },
      test::kRows, swing);
}

test::Triple whole(const Motion& at) {
  return at.acceleration();
}

test::Triple scaled(const test::Triple& values, double factor) {
  return {values[0] * factor, values[1] * factor, values[2] * factor};
}

// --- Rotation
// --------------------------------------------------------------------------------------

TEST(ImuUnits, DegreesWithoutAUnitAreCaughtHoweverLittleIsTurned) {
  for (const double swing : {1.0, 0.3, 0.1, 0.03}) {
    EXPECT_THAT(refusal_of(with(whole, kRadian, swing)),
                AllOf(HasSubstr("deg/s"), HasSubstr("--imu-gyro-unit")))
        << swing;
    EXPECT_THAT(
        warnings_of(with(whole, kRadian, swing), {.rotation = RotationUnit::kDegreesPerSecond}),
        IsEmpty())
        << swing;
  }
}

TEST(ImuUnits, RadiansWithoutAUnitAreTaken) {
  for (const double swing : {1.0, 0.3, 0.1})
    EXPECT_THAT(warnings_of(with(whole, 1, swing)), IsEmpty()) << swing;
}

TEST(ImuUnits, WhatCannotBeDecidedIsSaid) {
  // A sensor that lies still, whose gyroscope drifts: 0.1 rad/s or 0.1 deg/s.
  const std::string still = table(kHeader, [](const Motion& at, int i) {
    return fmt::format("{:.9g},0.01,{:.3f},9.8,0.1,{:.3f},0", at.time, 0.01 * (i % 3),
                       0.02 * (i % 5));
  });
  EXPECT_THAT(warnings_of(still), AllOf(HasSubstr("rad/s is taken"), HasSubstr("deg/s")));
  EXPECT_THAT(warnings_of(still, {.rotation = RotationUnit::kRadiansPerSecond}),
              Not(HasSubstr("taken")));
}

TEST(ImuUnits, AStatedUnitThatDoesNotFitIsWarnedOf) {
  const std::string degrees =
      "time_s,acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n";
  EXPECT_THAT(warnings_of(with(whole, kRadian, 0.1, degrees)), HasSubstr("too large"));
  EXPECT_THAT(warnings_of(with(whole, 1, 0.6), {.rotation = RotationUnit::kDegreesPerSecond}),
              HasSubstr("too small"));
}

TEST(ImuUnits, GyroscopeInDegreesIsCaughtBesideAnAccelerometerInG) {
  const auto in_g = [](const Motion& at) { return scaled(at.acceleration(), 1 / kG); };
  constexpr double kLittle = 0.03;  // radians to each side
  const std::string text = with(in_g, kRadian, kLittle);
  EXPECT_THAT(refusal_of(text), HasSubstr("looks like g"));
  EXPECT_THAT(refusal_of(text, {.acceleration = AccelerationUnit::kG}), HasSubstr("deg/s"));
  expect_motion(decode(text, {.acceleration = AccelerationUnit::kG,
                              .rotation = RotationUnit::kDegreesPerSecond}),
                test::kRate, kLittle);
}

// --- Gravity
// -----------------------------------------------------------------------------------------

TEST(ImuGravityTest, LinearAccelerationIsRefusedByName) {
  const auto linear = [](const Motion& at) { return at.linear; };
  for (const double strength : {0.2, 1.0, 6.0}) {  // at rest, walking, running
    const auto stronger = [&](const Motion& at) { return scaled(at.linear, strength); };
    EXPECT_THAT(refusal_of(with(stronger)),
                AllOf(HasSubstr("gravity is missing"), HasSubstr("--imu-gravity absent")))
        << strength;
  }
  const ImuRecording taken = decode(with(linear), {.gravity = ImuGravity::kAbsent});
  EXPECT_NEAR(taken.samples[3][1], test::motion_at(0.03).linear[1], 1e-3);
}

TEST(ImuGravityTest, LinearByNameWithGravityInItIsTaken) {
  // ROS drivers call it linear_acceleration and leave gravity in.
  const std::string ros = with(whole, 1, 0.6,
                               "time_s,linear_acceleration.x,linear_acceleration.y,"
                               "linear_acceleration.z,angular_velocity.x,angular_velocity.y,"
                               "angular_velocity.z\n");
  expect_motion(decode(ros));
}

TEST(ImuGravityTest, ASensorOnAWheelHasGravity) {
  // Three turns a second: the mean over two seconds is nearly nothing, the length is not.
  const std::string wheel =
      table("time_s,acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n",
            [](const Motion& at, int) {
              const double angle = 6 * M_PI * at.time;
              return fmt::format("{:.9g},{:.6f},0,{:.6f},0,{:.6f},0", at.time,
                                 -kG * std::sin(angle), kG * std::cos(angle), 6 * M_PI);
            });
  EXPECT_EQ(decode(wheel).samples.size(), std::size_t{test::kRows});
}

TEST(ImuGravityTest, JumpsAndFallsHaveGravityInTheMean) {
  // Half of the time in the air: 0 there, 2 g on the ground.
  const std::string jumping = table(kHeader, [](const Motion& at, int) {
    const bool in_the_air = std::fmod(at.time, 1.0) < 0.5;
    return fmt::format("{:.9g},0.2,0.1,{:.6f},0,0.001,0", at.time, in_the_air ? 0.1 : 2 * kG);
  });
  EXPECT_EQ(decode(jumping).samples.size(), std::size_t{test::kRows});
}

TEST(ImuGravityTest, GravitysOwnColumnsTellTheirUnit) {
  for (const double factor : {1.0, 1 / kG, 1000 / kG}) {
    const std::string text = table(
        "time_s,user_acc_x,user_acc_y,user_acc_z,gravity_x,gravity_y,gravity_z,gyro_x,gyro_y,"
        "gyro_z\n",
        [&](const Motion& at, int) {
          return fmt::format("{:.9g},", at.time) + cells(at.linear, factor) + "," +
                 cells(at.gravity, factor) + "," + cells(at.rotation);
        });
    expect_motion(decode(text));
  }
}

TEST(ImuGravityTest, IsToldOfInTheReport) {
  const ImuRecording recording = decode(with(whole));
  const auto line = std::ranges::find(recording.report.lines, "gravity", &InputReport::Line::name);
  ASSERT_NE(line, recording.report.lines.end());
  EXPECT_EQ(line->value, "present");
}

// --- Times
// -------------------------------------------------------------------------------------------

std::string timed(const std::string& name, const std::function<std::string(double)>& time,
                  double rate = 100) {
  return table(
      name + ",acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n",
      [&](const Motion&, int i) {
        const Motion at = test::motion_at(i / rate);
        return time(at.time) + "," + cells(at.acceleration()) + "," + cells(at.rotation);
      },
      static_cast<int>(4 * rate));
}

std::string whole_number(double value) {
  return fmt::format("{:.0f}", value);
}

TEST(ImuTime, ACounterIsNoTime) {
  for (const char* name : {"t", "time", "timestamp", "Counter", "Packet number", "sample"}) {
    const std::string text = timed(
        name, [](double time) { return whole_number(time * 120); }, 120);
    EXPECT_THAT(refusal_of(text), HasSubstr("the rate is not known")) << name;
    expect_motion(decode(text, {.rate_hz = 120}), 120);
  }
  // With a unit it is a time: 1000 Hz.
  expect_motion(decode(timed(
                    "time_ms", [](double time) { return whole_number(time * 1000); }, 1000)),
                1000);
}

TEST(ImuTime, LostSamplesShowInTheCounter) {
  const std::string text = table(
      "count,acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n",
      [](const Motion&, int i) {
        const int number = i < 200 ? i : i + 10;
        const Motion at = test::motion_at(number / 100.0);
        return fmt::format("{},", number) + cells(at.acceleration()) + "," + cells(at.rotation);
      });
  const ImuRecording recording = decode(text, {.rate_hz = 100});
  EXPECT_NEAR(recording.seconds[200] - recording.seconds[199], 0.11, 1e-9);
  expect_motion(recording);
}

TEST(ImuTime, ARateThatDisagreesIsAnError) {
  for (const char* name : {"time_s", "time", "t"}) {
    const std::string text = timed(name, [](double time) { return fmt::format("{:.9g}", time); });
    EXPECT_THAT(refusal_of(text, {.rate_hz = 50}),
                AllOf(HasSubstr("100 Hz"), HasSubstr("--imu-rate"), HasSubstr("50 Hz")))
        << name;
    expect_motion(decode(text, {.rate_hz = 101}));
  }
}

TEST(ImuTime, TicksWithoutAUnitAreNeverGuessed) {
  const auto ticks = [](double time) { return whole_number(time * 32768); };
  for (const double rate : {51.2, 120.0, 256.0, 512.0}) {
    const std::string text = timed("timestamp", ticks, rate);
    EXPECT_THAT(refusal_of(text), HasSubstr("name the time column")) << rate;
  }
  // Whole ticks move the times by up to 15 us.
  expect_motion(decode(timed("timestamp", ticks, 120), {.rate_hz = 120}), 120, 0.6, 5e-3);
  // Microseconds at 10 kHz look like milliseconds at 10 Hz.
  EXPECT_THAT(refusal_of(timed(
                  "timestamp", [](double time) { return whole_number(time * 1e6); }, 10000)),
              HasSubstr("name the time column"));
}

TEST(ImuTime, AGuessOfTheUnitIsToldWhereTheMotionDoesNotConfirmIt) {
  const auto still = [](const std::string& name) {
    return table(name + ",acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n",
                 [](const Motion& at, int i) {
                   return fmt::format("{:.0f},0.01,{:.3f},9.8,0,0,0", 7 + at.time * 1e3,
                                      0.01 * (i % 3));
                 });
  };
  EXPECT_THAT(warnings_of(still("timestamp")),
              AllOf(HasSubstr("the times have no unit; ms were taken"), HasSubstr("100 Hz")));
  EXPECT_THAT(warnings_of(still("timestamp_ms")), IsEmpty());
}

TEST(ImuTime, DatesTellTheirUnit) {
  const double now = 1.7e9;
  for (const double unit : {1.0, 1e3, 1e6, 1e9}) {
    const std::string text =
        timed("timestamp", [&](double time) { return fmt::format("{:.3f}", (now + time) * unit); });
    const ImuRecording recording = decode(text);
    EXPECT_NEAR(1 / recording.step_seconds, 100, 1) << unit;
    EXPECT_THAT(warnings_of(text), IsEmpty()) << unit;
  }
}

TEST(ImuTime, WholeSecondsAreNoTimesOfSamples) {
  const std::string text =
      timed("timestamp", [](double time) { return whole_number(1.7e9 + time); });
  EXPECT_THAT(refusal_of(text), HasSubstr("the rate is not known"));
  expect_motion(decode(text, {.rate_hz = 100}));
}

TEST(ImuTime, CountersMayBeginAgain) {
  const std::vector<double> counts{65533, 65534, 65535, 0, 1, 2, 3, 4, 5, 6, 7};
  const ImuTimes times = times_by_rate(counts.size(), counts, 100, "it");
  EXPECT_NEAR(times.seconds.back(), 0.10, 1e-12);
  const std::vector<double> mixed{1,  3,  4,  6,  7, 9,
                                  10, 12, 13, 15, 16};  // counts other things, too
  EXPECT_FALSE(is_counter(mixed));
}

// --- Physics
// -----------------------------------------------------------------------------------------

TEST(ImuPhysics, FindsTheFactorOfTheRotations) {
  for (const double factor : {1.0, kRadian, 0.01}) {
    std::vector<ImuSample> samples;
    for (int i = 0; i < test::kRows; ++i) {
      const Motion at = test::motion_at(i / test::kRate);
      samples.push_back({float(at.gravity[0]), float(at.gravity[1]), float(at.gravity[2]),
                         float(at.rotation[0] * factor), float(at.rotation[1] * factor),
                         float(at.rotation[2] * factor)});
    }
    const RotationFinding found = compare_rotation(samples, 1 / test::kRate);
    EXPECT_NEAR(found.scale * factor, 1, 0.02);
    EXPECT_GT(found.correlation, 0.99);
    EXPECT_EQ(found.contradicts(), factor > 1.5);
  }
}

}  // namespace
}  // namespace pandagpt
