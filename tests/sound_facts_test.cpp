// Facts of sounds that were made with known loudness, pitch and rhythm.
#include "facts/sound_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>

#include "facts/loudness.h"
#include "facts/onsets.h"
#include "facts/pitch.h"
#include "facts_support.h"

namespace pandagpt {
namespace {

using test::find_fact;
using test::number_of;

constexpr double kPi = std::numbers::pi;

Audio make_sound(double seconds, int rate, int channels,
                 const std::function<double(double, int)>& at) {
  Audio audio{"made.wav", rate, channels, {}};
  for (int i = 0; i < seconds * rate; ++i)
    for (int channel = 0; channel < channels; ++channel)
      audio.samples.push_back(static_cast<float>(at(double(i) / rate, channel)));
  return audio;
}

double tone(double time, double hertz, double amplitude = 1) {
  return amplitude * std::sin(2 * kPi * hertz * time);
}

double noise(double amplitude) {
  static std::mt19937 random(11);
  return std::uniform_real_distribution<double>(-amplitude, amplitude)(random);
}

TEST(LoudnessTest, ASineAtFullScale) {
  // ITU-R BS.1770-4: 997 Hz at 0 dB of full scale in one channel is -3.01 LUFS.
  for (const int rate : {44100, 48000, 96000}) {
    const Audio mono = make_sound(3, rate, 1, [](double t, int) { return tone(t, 997); });
    EXPECT_NEAR(integrated_loudness(mono).value(), -3.01, 0.02) << rate;
  }
  const Audio stereo = make_sound(3, 48000, 2, [](double t, int) { return tone(t, 997, 0.1); });
  EXPECT_NEAR(integrated_loudness(stereo).value(), -20.0, 0.02);
}

TEST(LoudnessTest, EbuTech3341) {
  // Test cases 1 to 5: sines of 1 kHz in both channels, at these levels for so long.
  const auto measured = [](std::vector<std::pair<double, double>> parts) {
    Audio audio{"made.wav", 48000, 2, {}};
    for (const auto& [level, seconds] : parts) {
      const Audio part = make_sound(seconds, 48000, 2, [level = level](double t, int) {
        return tone(t, 1000, std::pow(10, level / 20));
      });
      audio.samples.insert(audio.samples.end(), part.samples.begin(), part.samples.end());
    }
    return integrated_loudness(audio).value();
  };
  EXPECT_NEAR(measured({{-23, 20}}), -23, 0.1);
  EXPECT_NEAR(measured({{-33, 20}}), -33, 0.1);
  EXPECT_NEAR(measured({{-36, 10}, {-23, 60}, {-36, 10}}), -23, 0.1);
  EXPECT_NEAR(measured({{-72, 10}, {-36, 10}, {-23, 60}, {-36, 10}, {-72, 10}}), -23, 0.1);
  EXPECT_NEAR(measured({{-26, 20}, {-20, 20.1}, {-26, 20}}), -23, 0.1);
}

TEST(LoudnessTest, NothingWithoutSound) {
  const auto silence = [](double, int) { return 0.0; };
  EXPECT_EQ(integrated_loudness(make_sound(3, 48000, 2, silence)), std::nullopt);
  const auto loud = [](double t, int) { return tone(t, 997); };
  EXPECT_EQ(integrated_loudness(make_sound(0.3, 48000, 1, loud)), std::nullopt);
}

TEST(PitchTest, OfTones) {
  for (const int rate : {8000, 16000, 44100, 48000})
    for (const double hertz : {65.0, 110.0, 440.0, 997.0, 2500.0, 3700.0}) {
      const Audio audio =
          make_sound(1, rate, 1, [&](double t, int) { return tone(t, hertz, 0.3); });
      const auto pitch = find_pitch(audio, 0);
      ASSERT_TRUE(pitch) << hertz << " at " << rate;
      EXPECT_NEAR(pitch->median, hertz, 0.01 * hertz) << rate;
      EXPECT_GT(pitch->share, 0.9);
    }
}

TEST(PitchTest, OfAVoiceWithOvertones) {
  const Audio audio = make_sound(1, 22050, 1, [](double t, int) {
    return 0.05 * tone(t, 150) + 0.2 * tone(t, 300) + 0.2 * tone(t, 450) + 0.1 * tone(t, 600) +
           noise(0.01);
  });
  EXPECT_NEAR(find_pitch(audio, 0).value().median, 150, 2);
}

TEST(PitchTest, NoiseHasNone) {
  const Audio audio = make_sound(2, 44100, 1, [](double, int) { return noise(0.5); });
  EXPECT_EQ(find_pitch(audio, 0), std::nullopt);
  // A whistle that is too high to be told has none either, and no octave below it.
  const Audio high = make_sound(1, 44100, 1, [](double t, int) { return tone(t, 6400, 0.5); });
  EXPECT_EQ(find_pitch(high, 0), std::nullopt);
  const Audio silent = make_sound(1, 44100, 1, [](double, int) { return 0.0; });
  EXPECT_EQ(find_pitch(silent, 0), std::nullopt);
}

TEST(PitchTest, Notes) {
  EXPECT_EQ(note_of(440), "A4");
  EXPECT_EQ(note_of(261.63), "C4");
  EXPECT_EQ(note_of(554.4), "C#5");
  EXPECT_EQ(note_of(65.4), "C2");
}

/// Claps of noise that die away, each at its time.
Audio claps(const std::vector<double>& times, double seconds, double background = 0.001) {
  return make_sound(seconds, 44100, 1, [&](double t, int) {
    double value = noise(background);
    for (const double start : times)
      if (t >= start) value += std::exp(-(t - start) / 0.03) * noise(0.6);
    return value;
  });
}

TEST(OnsetsTest, OfClaps) {
  const std::vector<double> times{0.5, 0.8, 1.4, 1.65, 2.9};
  const std::vector<double> found = find_onsets(claps(times, 4), 0);
  ASSERT_EQ(found.size(), times.size());
  for (std::size_t i = 0; i < times.size(); ++i)
    EXPECT_NEAR(found[i], times[i], 0.03);
  EXPECT_EQ(rhythm_of(found), std::nullopt);
}

TEST(OnsetsTest, OfNotes) {
  const Audio audio = make_sound(4, 22050, 1, [](double t, int) {
    const double note = std::fmod(t, 0.5);
    return std::exp(-note / 0.2) * tone(t, 220 * std::pow(2, std::floor(t / 0.5) / 4), 0.4);
  });
  EXPECT_EQ(find_onsets(audio, 0).size(), 8U);
}

TEST(OnsetsTest, SteadySoundsHaveOneAtMost) {
  const auto hum = [](double t, int) { return tone(t, 120, 0.3) + noise(0.05); };
  EXPECT_LE(find_onsets(make_sound(5, 16000, 1, hum), 0).size(), 1U);
  const auto rain = [](double, int) { return noise(0.3); };
  EXPECT_LE(find_onsets(make_sound(5, 16000, 1, rain), 0).size(), 1U);
  const auto silence = [](double, int) { return 0.0; };
  EXPECT_TRUE(find_onsets(make_sound(5, 16000, 1, silence), 0).empty());
}

TEST(OnsetsTest, Rhythm) {
  std::vector<double> times;
  for (int i = 0; i < 12; ++i)
    times.push_back(0.3 + 0.5 * i);
  const InputFacts facts = sound_facts(claps(times, 7));
  EXPECT_EQ(number_of(facts, "onsets"), 12);
  EXPECT_NEAR(number_of(facts, "rhythm"), 120, 2);
  EXPECT_THAT(facts.sentence, testing::HasSubstr("12 onsets, 120 beats a minute"));
}

TEST(SoundFactsTest, LevelsAreOfFullScale) {
  const InputFacts facts =
      sound_facts(make_sound(2, 48000, 1, [](double t, int) { return tone(t, 440, 0.5); }));
  EXPECT_NEAR(number_of(facts, "peak"), -6.02, 0.02);
  EXPECT_NEAR(number_of(facts, "level"), -9.03, 0.02);
  EXPECT_NEAR(number_of(facts, "length"), 2, 1e-6);
  EXPECT_EQ(number_of(facts, "silence"), 0);
  EXPECT_EQ(facts.sentence, "Measured: 2.0 s, loudness -10 LUFS, pitch 440 Hz, 1 onset.");
}

TEST(SoundFactsTest, Silence) {
  const auto half = [](double t, int) { return t < 1 ? tone(t, 440, 0.5) : 0.0; };
  const InputFacts facts = sound_facts(make_sound(4, 16000, 2, half));
  EXPECT_NEAR(number_of(facts, "silence"), 75, 2);
  EXPECT_THAT(facts.sentence, testing::HasSubstr("silent for 75 % of the time"));
  const auto none = [](double, int) { return 0.0; };
  const InputFacts silent = sound_facts(make_sound(4, 16000, 2, none));
  EXPECT_EQ(silent.sentence, "Measured: 4.0 s, silent.");
  EXPECT_EQ(find_fact(silent, "peak"), nullptr);
}

TEST(SoundFactsTest, ShortSounds) {
  for (const double seconds : {0.001, 0.02, 0.1}) {
    const InputFacts facts =
        sound_facts(make_sound(seconds, 48000, 1, [](double t, int) { return tone(t, 440); }));
    EXPECT_NEAR(number_of(facts, "length"), seconds, 1e-3);
  }
}

}  // namespace
}  // namespace pandagpt
