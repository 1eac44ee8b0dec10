// Inputs that carry nothing, and which channel of a sound is heard.
#include "media/content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "core/warnings.h"
#include "pandagpt/input.h"
#include "preprocess/audio.h"
#include "random_values.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A picture whose level at (x, y) is `level` in all three channels.
Image picture(const std::function<int(int x, int y)>& level) {
  Image image{320, 200, {}};
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      image.rgb.insert(image.rgb.end(), 3, static_cast<std::uint8_t>(level(x, y)));
  return image;
}

TEST(OneColour, IsThatOfEmptyPictures) {
  EXPECT_TRUE(is_one_colour(picture([](int, int) { return 0; })));
  EXPECT_TRUE(is_one_colour(picture([](int, int) { return 255; })));
  // As a covered lens or JPEG has it.
  EXPECT_TRUE(is_one_colour(picture([](int x, int y) { return 12 + (x * 7 + y * 13) % 9; })));
  // A few hot pixels are no content.
  EXPECT_TRUE(
      is_one_colour(picture([](int x, int y) { return x % 100 == 0 && y == 7 ? 255 : 3; })));
}

TEST(OneColour, IsNotThatOfPicturesWithLittleInThem) {
  EXPECT_FALSE(is_one_colour(picture([](int x, int) { return 100 + x / 20; }))) << "a gradient";
  EXPECT_FALSE(is_one_colour(picture([](int x, int y) {
    return y == 100 && x < 200 ? 0 : 255;  // one line of a drawing, 0.3 % of the pixels
  })));
  Image red_on_grey = picture([](int, int) { return 90; });
  for (std::size_t i = 0; i < red_on_grey.rgb.size() / 10; i += 3)
    red_on_grey.rgb[i] = 120;
  EXPECT_FALSE(is_one_colour(red_on_grey)) << "one channel is enough";
}

TEST(OneColour, OfALargePictureIsSeenInASample) {
  Image large{4096, 2048, Bytes(std::size_t{4096} * 2048 * 3, 200)};
  EXPECT_TRUE(is_one_colour(large));
  for (int y = 0; y < large.height; ++y)  // a stripe of one column in 50
    for (int x = 0; x < large.width; x += 50)
      large.rgb[3 * (static_cast<std::size_t>(y) * large.width + x)] = 0;
  EXPECT_FALSE(is_one_colour(large));
}

TEST(Constant, AreMapsWithinASensorsSteps) {
  std::vector<float> values(1000, 2.0F);
  EXPECT_TRUE(is_constant(values));
  EXPECT_TRUE(is_constant({}));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] += 0.0015F * static_cast<float>(i % 3);
  EXPECT_TRUE(is_constant(values));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] += 1e-4F * static_cast<float>(i);  // a wall that is seen askew
  EXPECT_FALSE(is_constant(values));
}

/// One second of tones, one level a channel; `offset` is added to all.
Audio tones(const std::vector<double>& levels, double offset = 0) {
  Audio audio{"sound.wav", 16000, static_cast<int>(levels.size()), {}};
  for (int i = 0; i < audio.sample_rate; ++i)
    for (std::size_t channel = 0; channel < levels.size(); ++channel) {
      const double pitch = 440.0 * static_cast<double>(channel + 1);
      audio.samples.push_back(static_cast<float>(
          offset + levels[channel] * std::sin(2 * std::numbers::pi * pitch * i / 16000)));
    }
  return audio;
}

/// What choosing warns of.
std::vector<std::string> warnings_of(Audio& audio, int choice) {
  const WarningCollector collector;
  choose_channel(audio, choice);
  return collector.messages();
}

TEST(Channel, LevelsAreRootMeanSquaresAboutTheMean) {
  const std::vector<double> levels = channel_levels(tones({0.5, 0, 1}, 0.2));
  ASSERT_EQ(levels.size(), 3U);
  EXPECT_NEAR(levels[0], 0.5 / std::numbers::sqrt2, 1e-4);
  EXPECT_NEAR(levels[1], 0, 1e-4) << "an offset is no sound";
  EXPECT_NEAR(levels[2], 1 / std::numbers::sqrt2, 1e-4);
}

TEST(Channel, TheFirstIsLeftAsItIsAndWarnedOfIfOnlyAnotherOneSounds) {
  Audio both = tones({0.5, 0.3});
  const std::vector<float> before = both.samples;
  EXPECT_THAT(warnings_of(both, 1), IsEmpty());
  EXPECT_EQ(both.samples, before) << "the reference's tensor depends on all channels";
  EXPECT_EQ(both.channels, 2);

  Audio right = tones({0, 0.5});
  const std::vector<std::string> warnings = warnings_of(right, 1);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0],
              testing::AllOf(HasSubstr("sound.wav: channel 1"), HasSubstr("channel 2")));
}

TEST(Channel, AutoTakesTheLoudestWhereTheFirstIsSilent) {
  Audio centre = tones({0, 0, 0.5, 0.1, 0, 0});  // 5.1: left, right, centre, ..
  EXPECT_THAT(warnings_of(centre, kAudioChannelAuto), IsEmpty());
  EXPECT_EQ(centre.channels, 1);
  EXPECT_EQ(centre.samples.size(), 16000U);
  EXPECT_NEAR(channel_levels(centre)[0], 0.5 / std::numbers::sqrt2, 1e-3);

  Audio crosstalk = tones({0.001, 0.5});
  EXPECT_THAT(warnings_of(crosstalk, kAudioChannelAuto), IsEmpty());
  EXPECT_EQ(crosstalk.channels, 1);

  Audio quiet_first = tones({0.1, 0.5});
  EXPECT_THAT(warnings_of(quiet_first, kAudioChannelAuto), IsEmpty());
  EXPECT_EQ(quiet_first.channels, 2) << "as the reference has it";
}

TEST(Channel, MixAndNumbers) {
  Audio mixed = tones({0.4, 0.2});
  const float expected = (mixed.samples[200] + mixed.samples[201]) / 2;
  EXPECT_THAT(warnings_of(mixed, kAudioChannelMix), IsEmpty());
  EXPECT_EQ(mixed.channels, 1);
  EXPECT_FLOAT_EQ(mixed.samples[100], expected);

  Audio second = tones({0.4, 0.2});
  const float wanted = second.samples[201];
  EXPECT_THAT(warnings_of(second, 2), IsEmpty());
  EXPECT_EQ(second.samples[100], wanted);

  Audio silent_second = tones({0.4, 0});
  EXPECT_THAT(warnings_of(silent_second, 2), ElementsAre(HasSubstr("channel 2, which")));

  Audio stereo = tones({0.4, 0.2});
  const Error error = test::error_of([&] { choose_channel(stereo, 3); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), HasSubstr("sound.wav: there is no channel 3, the sound has 2"));
}

TEST(Channel, SilenceIsSaid) {
  for (const int choice : {1, 2, kAudioChannelAuto, kAudioChannelMix}) {
    Audio silent = tones({0, 0}, 0.3);
    EXPECT_THAT(warnings_of(silent, choice),
                ElementsAre(HasSubstr("sound.wav: the sound is silent")))
        << choice;
  }
  Audio noise_of_digits = tones({0, 0});
  std::vector<float> steps = test::normal_values(noise_of_digits.samples.size(), 1);
  for (std::size_t i = 0; i < steps.size(); ++i)
    noise_of_digits.samples[i] = steps[i] / 65536;  // half a step of 16 bits
  EXPECT_THAT(warnings_of(noise_of_digits, 1), ElementsAre(HasSubstr("silent")));
  Audio faint = tones({0.001, 0.001});  // -63 dB
  EXPECT_THAT(warnings_of(faint, 1), IsEmpty());

  Audio opposite = tones({0.5, 0});
  for (std::size_t i = 1; i < opposite.samples.size(); i += 2)
    opposite.samples[i] = -opposite.samples[i - 1];
  EXPECT_THAT(warnings_of(opposite, kAudioChannelMix), ElementsAre(HasSubstr("cancel")));
}

TEST(Channel, SilenceOfThePartsThatAreHeardIsSaid) {
  Audio audio{"long.wav", 16000, 1, std::vector<float>(60 * 16000)};
  for (std::size_t i = 0; i < 16000; ++i)  // in the 11th second; heard are 0-2, 29-31 and 58-60
    audio.samples[10 * 16000 + i] = i % 2 == 0 ? 0.5F : -0.5F;
  const WarningCollector collector;
  audio_tensor(audio);
  EXPECT_THAT(collector.messages(), ElementsAre(HasSubstr("long.wav: what is listened to")));
}

ImuRecording recording(const std::array<float, 6>& sample) {
  ImuRecording result;
  result.name = "imu.csv";
  result.step_seconds = 0.01;
  for (int i = 0; i < 200; ++i) {
    result.seconds.push_back(i * 0.01);
    result.samples.push_back(sample);
  }
  return result;
}

std::vector<std::string> warnings_of(const ImuRecording& recording) {
  const WarningCollector collector;
  judge_motion(recording);
  return collector.messages();
}

TEST(Motion, OfSensorsThatWereOffIsSaid) {
  EXPECT_THAT(warnings_of(recording({0, 0, 0, 0, 0, 0})), ElementsAre(HasSubstr("zeros only")));
  EXPECT_THAT(warnings_of(recording({3, 3, 3, 1, 1, 1})), ElementsAre(HasSubstr("same values")));
  ImuRecording turning = recording({0, 0, 0, 0, 0, 0});
  turning.samples[7][4] = 0.5F;
  EXPECT_THAT(warnings_of(turning), ElementsAre(HasSubstr("accelerometer was off")));
  ImuRecording pushed = recording({0, 0, 9.81F, 0, 0, 0});
  pushed.samples[7][1] = 0.5F;
  EXPECT_THAT(warnings_of(pushed), ElementsAre(HasSubstr("gyroscope was off")));
}

TEST(Motion, OfADeviceThatLiesStillIsContent) {
  EXPECT_THAT(warnings_of(recording({0, 0, 9.81F, 0, 0, 0})), IsEmpty());
  EXPECT_THAT(warnings_of(recording({-6.9F, 0, -6.9F, 0.01F, 0, 0})), IsEmpty());
  ImuRecording noisy = recording({0, 0, 9.81F, 0, 0, 0});
  for (std::size_t i = 0; i < noisy.samples.size(); ++i)
    noisy.samples[i] = {0, 0, 9.81F + 0.01F * static_cast<float>(i % 3), 0, 0.001F * float(i % 2),
                        0};
  EXPECT_THAT(warnings_of(noisy), IsEmpty());
}

}  // namespace
}  // namespace pandagpt
