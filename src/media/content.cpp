#include "media/content.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/warnings.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr double kOutliers = 0.001;  // of the pixels, that are left out of account

// --- Sound -------------------------------------------------------------------------------------

/// Channel `channel`, counted from 0, alone; or the mean of all.
void keep_channel(Audio& audio, int channel) {
  const auto channels = static_cast<std::size_t>(audio.channels);
  const auto frames = static_cast<std::size_t>(audio.frames());
  for (std::size_t i = 0; i < frames; ++i)
    audio.samples[i] = audio.samples[i * channels + static_cast<std::size_t>(channel)];
  audio.samples.resize(frames);
  audio.channels = 1;
}

void mix_channels(Audio& audio) {
  const auto channels = static_cast<std::size_t>(audio.channels);
  const auto frames = static_cast<std::size_t>(audio.frames());
  for (std::size_t i = 0; i < frames; ++i) {
    double sum = 0;
    for (std::size_t channel = 0; channel < channels; ++channel)
      sum += audio.samples[i * channels + channel];
    audio.samples[i] = static_cast<float>(sum / static_cast<double>(channels));
  }
  audio.samples.resize(frames);
  audio.channels = 1;
}

bool is_silent(double level, double loudest) {
  return level <= kSilence || level < kCrossTalk * loudest;
}

// --- Motion ------------------------------------------------------------------------------------

struct AxisRange {
  float low;
  float high;
};

/// Of three axes of the recording, from `first` on.
std::array<AxisRange, 3> ranges_of(const ImuRecording& recording, int first) {
  std::array<AxisRange, 3> ranges{};
  for (std::size_t axis = 0; axis < ranges.size(); ++axis) {
    const auto value_of = [&](const auto& sample) {
      return sample[static_cast<std::size_t>(first) + axis];
    };
    const auto [low, high] = std::ranges::minmax_element(recording.samples, {}, value_of);
    ranges[axis] = {value_of(*low), value_of(*high)};
  }
  return ranges;
}

bool never_changes(const std::array<AxisRange, 3>& ranges) {
  return std::ranges::all_of(ranges, [](const AxisRange& one) { return one.low == one.high; });
}

double length_of(const std::array<AxisRange, 3>& constant) {
  return std::hypot(constant[0].low, constant[1].low, constant[2].low);
}

}  // namespace

bool is_one_colour(const Image& image) {
  constexpr std::size_t kMostPixels = 65'536;
  constexpr int kLevels = 8;
  const std::size_t n_pixels = image.rgb.size() / 3;
  // An odd step meets every column of a picture whose width is a power of two.
  const std::size_t step = (n_pixels / kMostPixels) | 1;
  std::array<std::array<std::uint32_t, 256>, 3> counts{};
  std::uint32_t n_seen = 0;
  for (std::size_t i = 0; i < n_pixels; i += step, ++n_seen)
    for (std::size_t channel = 0; channel < 3; ++channel)
      ++counts[channel][image.rgb[3 * i + channel]];
  const auto is_narrow = [&](const std::array<std::uint32_t, 256>& count) {
    std::uint32_t inside = 0;
    for (std::size_t level = 0; level < count.size(); ++level) {
      inside += count[level];
      if (level > kLevels) inside -= count[level - kLevels - 1];
      if (inside >= (1 - kOutliers) * n_seen) return true;
    }
    return false;
  };
  return std::ranges::all_of(counts, is_narrow);
}

bool is_constant(std::span<const float> values) {
  constexpr double kSpread = 0.002;
  if (values.empty()) return true;
  std::vector<float> sorted(values.begin(), values.end());
  const auto quantile = [&](double share) {
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(share * double(sorted.size() - 1));
    std::ranges::nth_element(sorted, at);
    return double(*at);
  };
  return quantile(1 - kOutliers / 2) - quantile(kOutliers / 2) <= kSpread * std::abs(quantile(0.5));
}

std::vector<double> channel_levels(const Audio& audio) {
  const auto channels = static_cast<std::size_t>(audio.channels);
  std::vector<double> sums(channels), squares(channels), levels;
  for (std::size_t i = 0; i < audio.samples.size(); ++i) {
    const double value = audio.samples[i];
    sums[i % channels] += value;
    squares[i % channels] += value * value;
  }
  const auto frames = static_cast<double>(audio.frames());
  for (std::size_t i = 0; i < channels; ++i) {
    const double mean = sums[i] / frames;
    levels.push_back(std::sqrt(std::max(0.0, squares[i] / frames - mean * mean)));
  }
  return levels;
}

void choose_channel(Audio& audio, int choice) {
  const std::vector<double> levels = channel_levels(audio);
  const auto loudest = static_cast<int>(std::ranges::max_element(levels) - levels.begin());
  const double most = levels[static_cast<std::size_t>(loudest)];
  if (choice > audio.channels)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: there is no channel {}, the sound has {}; take one of those",
                            audio.name, choice, audio.channels));
  if (most <= kSilence)
    warn_no_content(audio.name + ": the sound is silent; the answer can't be about anything in it");
  if (choice == kAudioChannelMix) {
    mix_channels(audio);
    if (most > kSilence && channel_levels(audio)[0] <= kSilence)
      warn_no_content(audio.name +
                      ": the mix is silent, since the channels cancel each other out; take one");
    return;
  }
  const int wanted =
      choice == kAudioChannelAuto ? (is_silent(levels[0], most) ? loudest : 0) : choice - 1;
  if (most > kSilence && is_silent(levels[static_cast<std::size_t>(wanted)], most))
    warn_no_content(
        fmt::format("{0}: channel {1}, which is listened to, is silent, and channel {2} is not; "
                    "choose another one (audio channel auto, mix or {2})",
                    audio.name, wanted + 1, loudest + 1));
  if (wanted > 0) keep_channel(audio, wanted);
}

void judge_motion(const ImuRecording& recording) {
  constexpr int kAcceleration = 0, kRotation = 3;
  constexpr double kLeastGravity = 8.8, kMostGravity = 10.8;  // m/s^2, 10 % off at most
  const auto acceleration = ranges_of(recording, kAcceleration);
  const auto rotation = ranges_of(recording, kRotation);
  const bool is_still = never_changes(acceleration);
  const double pull = length_of(acceleration);
  const bool is_gravity = is_still && pull >= kLeastGravity && pull <= kMostGravity;
  const bool is_turning = recording.has_gyroscope && !never_changes(rotation);
  const std::string& name = recording.name;
  if (is_still && !is_gravity && !is_turning) {
    const bool is_zero = pull == 0 && length_of(rotation) == 0;
    warn_no_content(name + ": the recording has " +
                    (is_zero ? "zeros only" : "the same values all the time") +
                    "; the sensor was off, or this isn't its signal");
  } else if (is_still && !is_gravity) {
    warn(name + ": the acceleration never changes, and isn't gravity; the accelerometer was off");
  } else if (!is_still && !is_turning && recording.has_gyroscope) {
    warn(name + ": the rotation never changes; the gyroscope was off, and motion is told by both");
  }
}

}  // namespace pandagpt
