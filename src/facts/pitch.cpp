#include "facts/pitch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/quantile.h"
#include "preprocess/audio_resample.h"

namespace pandagpt {
namespace {

constexpr int kRate = 16'000;                    // Hz
constexpr double kLowest = 60, kHighest = 4000;  // Hz
constexpr std::size_t kLongestLag = static_cast<std::size_t>(kRate / kLowest) + 2;
constexpr std::size_t kShortestLag = static_cast<std::size_t>(kRate / kHighest) - 1;
constexpr std::size_t kCompared = 512;  // samples: two periods of 62 Hz
constexpr std::size_t kFrame = kCompared + kLongestLag;
constexpr int kMostFrames = 200;
constexpr double kHop = 0.02;               // s, of short sounds
constexpr double kLeastPeriodicity = 0.15;  // of the normalised difference: YIN's threshold
constexpr double kQuiet = 0.01;             // of the loudest frame's amplitude: 40 dB
constexpr double kSilent = 1e-3;            // of full scale
constexpr double kLeastShare = 0.3;
constexpr double kTenth = 0.1;

/// The lowest point of the parabola through three neighbours: (shift, value).
std::pair<double, double> lowest_of(double before, double at, double after) {
  const double bend = before - 2 * at + after;
  if (!(bend > 0)) return {0, at};
  const double shift = 0.5 * (before - after) / bend;
  return {shift, at - 0.25 * (before - after) * shift};
}

/// YIN's difference function from lag 0 on.
std::vector<double> differences(std::span<const float> frame) {
  std::vector<double> result(kLongestLag + 1);
  for (std::size_t lag = 1; lag <= kLongestLag; ++lag) {
    float sum = 0;
    for (std::size_t i = 0; i < kCompared; ++i) {
      const float step = frame[i] - frame[i + lag];
      sum += step * step;
    }
    result[lag] = sum;
  }
  return result;
}

/// More above kHighest than below: hiss, or a whistle too high to be told.
bool is_too_high(std::span<const float> frame) {
  double power = 0, steepness = 0;
  for (std::size_t i = 1; i < frame.size(); ++i) {
    const double step = double{frame[i]} - double{frame[i - 1]};
    steepness += step * step;
    power += double{frame[i]} * frame[i];
  }
  // Of a sine 2 (1 - cos w) times its power: 2 at a quarter of the rate.
  return steepness > 2 * power;
}

/// Hz, or nothing.
std::optional<double> pitch_of(std::span<const float> frame) {
  if (is_too_high(frame)) return std::nullopt;
  const std::vector<double> difference = differences(frame);
  std::vector<double> normalised(difference.size(), 1.0);
  double sum = 0;
  for (std::size_t lag = 1; lag < difference.size(); ++lag) {
    sum += difference[lag];
    normalised[lag] = sum > 0 ? difference[lag] * double(lag) / sum : 1;
  }
  for (std::size_t lag = kShortestLag; lag + 1 < normalised.size(); ++lag) {
    if (normalised[lag] > normalised[lag - 1] || normalised[lag] >= normalised[lag + 1]) continue;
    const auto [shift, depth] =
        lowest_of(normalised[lag - 1], normalised[lag], normalised[lag + 1]);
    if (depth > kLeastPeriodicity) continue;
    // Several periods tell its length better than one.
    double period = double(lag) + shift;
    for (std::size_t n = 2; double(n) * period + 2 < double(kLongestLag); ++n) {
      const auto near = static_cast<std::size_t>(std::lround(double(n) * period));
      const auto [more, ignored] =
          lowest_of(difference[near - 1], difference[near], difference[near + 1]);
      if (std::abs(more) > 1) break;
      period = (double(near) + more) / double(n);
    }
    const double hertz = kRate / period;
    return hertz <= kHighest ? std::optional(hertz) : std::nullopt;
  }
  return std::nullopt;
}

double amplitude_of(std::span<const float> frame) {
  double power = 0;
  for (const float value : frame)
    power += double{value} * value / double(frame.size());
  return std::sqrt(power);
}

}  // namespace

std::optional<Pitch> find_pitch(const Audio& audio, int channel) {
  const AudioResampler resampler(audio.sample_rate, kRate);
  const std::int64_t length = resampler.output_frames(audio.frames());
  const std::int64_t room = length - static_cast<std::int64_t>(kFrame);
  if (room < 0) return std::nullopt;
  const auto n_frames = static_cast<int>(
      std::clamp(std::floor(double(room) / (kHop * kRate)) + 1, 1.0, double(kMostFrames)));
  std::vector<std::vector<float>> frames;
  std::vector<double> amplitudes;
  for (int i = 0; i < n_frames; ++i) {
    const std::int64_t begin = n_frames == 1 ? 0 : room * i / (n_frames - 1);
    frames.push_back(resampler.resample(audio, channel, begin, kFrame));
    amplitudes.push_back(amplitude_of(frames.back()));
  }
  const double least = std::max(kSilent, kQuiet * std::ranges::max(amplitudes));
  int n_loud = 0;
  std::vector<double> found;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (amplitudes[i] < least) continue;
    ++n_loud;
    if (const auto hertz = pitch_of(frames[i])) found.push_back(*hertz);
  }
  if (n_loud == 0 || double(found.size()) < kLeastShare * n_loud) return std::nullopt;
  const auto quantile = [&](double share) { return quantile_of(std::span(found), share); };
  return Pitch{quantile(0.5), quantile(kTenth), quantile(1 - kTenth),
               double(found.size()) / n_loud};
}

std::string note_of(double hertz) {
  constexpr double kA4 = 440;
  constexpr int kNumberOfA4 = 69;  // of MIDI
  constexpr int kNotes = 12;
  constexpr std::array<const char*, kNotes> kNames{"C",  "C#", "D",  "D#", "E",  "F",
                                                   "F#", "G",  "G#", "A",  "A#", "B"};
  const auto number = static_cast<int>(std::lround(kNotes * std::log2(hertz / kA4))) + kNumberOfA4;
  return kNames[static_cast<std::size_t>(number % kNotes)] + std::to_string(number / kNotes - 1);
}

}  // namespace pandagpt
