// Facts of recordings of motion that were made with known steps, turns and jumps.
#include "facts/motion_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>

#include "facts/motion_signal.h"
#include "facts/turns.h"
#include "facts_support.h"

namespace pandagpt {
namespace {

using test::find_fact;
using test::number_of;

constexpr double kPi = std::numbers::pi;
constexpr double kG = kStandardGravity;

struct Sample {
  Vector3 acceleration{0, 0, kG};
  Vector3 rotation{};
};

/// `at(t)` of every sample, with a sensor's noise.
ImuRecording record(double seconds, double rate, const std::function<Sample(double)>& at) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 0.03);
  ImuRecording recording;
  recording.name = "made.csv";
  recording.step_seconds = 1 / rate;
  for (int i = 0; i < seconds * rate; ++i) {
    const double time = i / rate;
    const Sample sample = at(time);
    auto& out = recording.samples.emplace_back();
    for (int axis = 0; axis < 3; ++axis) {
      out[axis] = static_cast<float>(sample.acceleration[axis] + noise(random));
      out[axis + 3] = static_cast<float>(sample.rotation[axis] + 0.1 * noise(random));
    }
    recording.seconds.push_back(time);
  }
  return recording;
}

/// What a phone at the waist feels: up and down with each step, to the side with each stride.
Sample at_the_waist(double time, double steps_per_second, double strength = 2.5) {
  const double step = 2 * kPi * steps_per_second * time;
  Sample sample;
  sample.acceleration = {0.8 * std::sin(step / 2), 0.6 * std::cos(step),
                         kG + strength * std::sin(step) + 0.8 * std::sin(2 * step + 1)};
  sample.rotation = {0.3 * std::sin(step / 2), 0.2 * std::sin(step), 0.2 * std::sin(step / 2)};
  return sample;
}

/// What a shank feels: one swing and one impact a stride.
Sample at_the_shank(double time, double strides_per_second) {
  const double phase = std::fmod(time * strides_per_second, 1.0);
  const double swing = std::sin(2 * kPi * phase) + 0.4 * std::sin(4 * kPi * phase);
  const double impact = 14 * std::exp(-std::pow((phase - 0.6) / 0.02, 2));
  Sample sample;
  sample.acceleration = {kG * std::cos(0.4 * swing) + impact, kG * std::sin(0.4 * swing), 0.5};
  sample.rotation = {0.1, 0.2, 3.5 * swing};
  return sample;
}

TEST(StepsTest, AtTheWaist) {
  for (const double per_minute : {84.0, 108.0, 132.0, 168.0}) {
    const InputFacts facts = motion_facts(
        record(20, 100, [&](double time) { return at_the_waist(time, per_minute / 60); }));
    EXPECT_NEAR(number_of(facts, "steps_per_minute"), per_minute, 0.03 * per_minute);
    EXPECT_NEAR(number_of(facts, "steps"), per_minute / 3, 2) << per_minute;
    EXPECT_NEAR(number_of(facts, "walking"), 20, 0.5);
  }
}

TEST(StepsTest, AtTheShankAStrideIsTwoSteps) {
  for (const double strides : {0.8, 0.95, 1.2}) {
    const InputFacts facts =
        motion_facts(record(15, 50, [&](double time) { return at_the_shank(time, strides); }));
    EXPECT_NEAR(number_of(facts, "steps_per_minute"), 120 * strides, 4);
    EXPECT_NEAR(number_of(facts, "steps"), 30 * strides, 2) << strides;
  }
}

TEST(StepsTest, OnlyWhileSomebodyWalks) {
  const InputFacts facts = motion_facts(record(30, 100, [](double time) {
    return time > 10 && time < 20 ? at_the_waist(time, 1.8) : Sample();
  }));
  EXPECT_NEAR(number_of(facts, "steps"), 18, 2);
  EXPECT_NEAR(number_of(facts, "walking"), 10, 1.5);
  EXPECT_NEAR(number_of(facts, "still"), 66, 6);
}

TEST(StepsTest, OneMovementIsNoStep) {
  const InputFacts facts = motion_facts(record(10, 100, [](double time) {
    return time > 4 && time < 5.2 ? at_the_waist(time, 1.8) : Sample();
  }));
  EXPECT_EQ(find_fact(facts, "steps_per_minute"), nullptr);
}

TEST(StepsTest, WithoutGravityTheMainAxisTells) {
  const InputFacts facts = motion_facts(record(20, 100, [](double time) {
    Sample sample = at_the_waist(time, 1.8);
    sample.acceleration[2] -= kG;
    return sample;
  }));
  EXPECT_NEAR(number_of(facts, "steps_per_minute"), 108, 4);
  EXPECT_EQ(find_fact(facts, "turns"), nullptr);  // nothing says what is vertical
  EXPECT_EQ(find_fact(facts, "jumps"), nullptr);
}

TEST(StepsTest, NoneWhereThereAreNone) {
  const InputFacts still = motion_facts(record(10, 100, [](double) { return Sample(); }));
  EXPECT_EQ(number_of(still, "steps"), 0);
  EXPECT_EQ(find_fact(still, "steps_per_minute"), nullptr);
  EXPECT_GE(number_of(still, "still"), 99);
  EXPECT_EQ(still.sentence, "Measured: 10.0 s, still all the time.");

  std::mt19937 random(3);
  std::normal_distribution<double> jolt(0, 2);
  const InputFacts rough = motion_facts(record(20, 100, [&](double) {
    return Sample{{jolt(random), jolt(random), kG + jolt(random)}, {}};
  }));
  EXPECT_EQ(find_fact(rough, "steps"), nullptr);
  EXPECT_EQ(number_of(rough, "still"), 0);
}

TEST(TurnsTest, HaveDegreesAndDirection) {
  // The sensor lies on its side: x is up. A quarter to the left, half a turn to the right.
  const InputFacts facts = motion_facts(record(12, 100, [](double time) {
    Sample sample;
    sample.acceleration = {kG, 0, 0};
    if (time >= 2 && time < 4) sample.rotation[0] = kPi / 4;
    if (time >= 7 && time < 9) sample.rotation[0] = -kPi / 2;
    return sample;
  }));
  EXPECT_EQ(number_of(facts, "turns"), 2);
  std::vector<Fact> turns;
  std::ranges::copy_if(facts.facts, std::back_inserter(turns),
                       [](const Fact& fact) { return fact.name == "turn"; });
  ASSERT_EQ(turns.size(), 2U);
  EXPECT_NEAR(std::get<double>(turns[0].value), 90, 4);
  EXPECT_NEAR(*turns[0].seconds, 2, 0.3);
  EXPECT_NEAR(std::get<double>(turns[1].value), -180, 5);
  EXPECT_THAT(facts.sentence,
              testing::ContainsRegex("2 turns \\(.*° to the left, .*° to the right"));
}

TEST(TurnsTest, TheGyroscopesOffsetIsNoTurn) {
  const InputFacts facts = motion_facts(record(20, 100, [](double time) {
    Sample sample;
    sample.rotation = {0.01, -0.02, 0.05};
    if (time >= 10 && time < 12) sample.rotation[2] += kPi / 4;
    return sample;
  }));
  ASSERT_EQ(number_of(facts, "turns"), 1);
  EXPECT_NEAR(number_of(facts, "turn"), 90, 4);
}

TEST(TurnsTest, WalkingStraightOnHasNone) {
  const auto walk = record(20, 100, [](double time) { return at_the_waist(time, 1.8); });
  EXPECT_EQ(number_of(motion_facts(walk), "turns"), 0);
}

TEST(JumpsTest, AFreeFallWithAnImpact) {
  const InputFacts facts = motion_facts(record(10, 200, [](double time) {
    Sample sample;
    for (const double start : {3.0, 6.0}) {
      if (time >= start && time < start + 0.45) sample.acceleration = {0.3, 0, 0.2};
      if (time >= start + 0.45 && time < start + 0.5) sample.acceleration = {0, 0, 4 * kG};
    }
    return sample;
  }));
  EXPECT_EQ(number_of(facts, "jumps"), 2);
  EXPECT_NEAR(number_of(facts, "jump"), 0.45, 0.01);
  EXPECT_NEAR(number_of(facts, "strongest_acceleration"), 4 * kG, 0.3);
  EXPECT_THAT(facts.sentence, testing::HasSubstr("2 jumps"));
}

TEST(JumpsTest, RunningHasNone) {
  // Flights of a tenth of a second, three a second.
  const auto run = record(10, 200, [](double time) {
    const double phase = std::fmod(time * 3, 1.0);
    Sample sample;
    sample.acceleration[2] = phase < 0.3 ? 0.5 : 2.2 * kG * std::sin(kPi * (phase - 0.3) / 0.7);
    return sample;
  });
  const InputFacts facts = motion_facts(run);
  EXPECT_EQ(number_of(facts, "jumps"), 0);
  EXPECT_NEAR(number_of(facts, "steps_per_minute"), 180, 6);
}

TEST(MotionFactsTest, LengthRateAndSamples) {
  const InputFacts facts = motion_facts(record(5, 120, [](double) { return Sample(); }));
  EXPECT_NEAR(number_of(facts, "length"), 5, 0.01);
  EXPECT_NEAR(number_of(facts, "rate"), 120, 0.1);
  EXPECT_EQ(number_of(facts, "samples"), 600);
}

TEST(MotionFactsTest, ShortAndSlowRecordings) {
  for (const double rate : {10.0, 400.0})
    for (const double seconds : {0.3, 1.0, 3.0}) {
      const auto facts = motion_facts(record(seconds, rate, [](double) { return Sample(); }));
      EXPECT_NEAR(number_of(facts, "length"), seconds, 0.01);
    }
}

TEST(MotionSignalTest, PeriodIsTheShortestOne) {
  std::vector<double> values;
  for (int i = 0; i < 200; ++i)
    values.push_back(std::sin(2 * kPi * i / 27.5));
  const Period period = period_of(values, 10, 90);
  EXPECT_NEAR(period.lag, 27.5, 0.1);
  EXPECT_GT(period.strength, 0.99);
  EXPECT_EQ(period_of(std::vector<double>(200, 1.0), 10, 90).lag, 0);
}

}  // namespace
}  // namespace pandagpt
