#include "facts/sound_facts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "facts/fact_list.h"
#include "facts/loudness.h"
#include "facts/onsets.h"
#include "facts/pitch.h"
#include "media/content.h"

namespace pandagpt {
namespace {

constexpr const char* kFullScale = "dBFS";
constexpr const char* kHertz = "Hz";
constexpr double kSilentWindow = 0.05;  // s
constexpr double kSilentLevel = 1e-3;   // -60 dBFS
constexpr double kPercent = 100;
constexpr double kWorthTelling = 20;  // % of silence
constexpr double kGlide = 1.1;        // highest to lowest pitch of what isn't one tone

double decibels(double amplitude) {
  return 20 * std::log10(amplitude);
}

/// Share of windows in which no channel reaches the silent level, in percent.
double silent_share(const Audio& audio) {
  const auto channels = static_cast<std::size_t>(audio.channels);
  const auto length = std::max<std::size_t>(
      1, static_cast<std::size_t>(std::lround(kSilentWindow * audio.sample_rate)));
  const auto frames = static_cast<std::size_t>(audio.frames());
  std::size_t n_windows = 0, n_silent = 0;
  for (std::size_t begin = 0; begin < frames; begin += length, ++n_windows) {
    const std::size_t end = std::min(begin + length, frames);
    double sum = 0;
    for (std::size_t i = begin * channels; i < end * channels; ++i)
      sum += double{audio.samples[i]} * audio.samples[i];
    const double power = sum / double((end - begin) * channels);
    if (std::sqrt(power) < kSilentLevel) ++n_silent;
  }
  return kPercent * double(n_silent) / double(std::max<std::size_t>(n_windows, 1));
}

void add_pitch(FactList& list, const Pitch& pitch) {
  list.add("pitch", pitch.median, kHertz, 0);
  list.add("note", note_of(pitch.median));
  list.add("lowest_pitch", pitch.lowest, kHertz, 0);
  list.add("highest_pitch", pitch.highest, kHertz, 0);
  const auto hertz = [](double value) { return fixed(value, 0) + ' ' + kHertz; };
  if (pitch.highest > kGlide * pitch.lowest)
    list.say("pitch " + fixed(pitch.lowest, 0) + " to " + hertz(pitch.highest));
  else
    list.say("pitch " + hertz(pitch.median));
}

void add_onsets(FactList& list, const std::vector<double>& onsets) {
  list.add("onsets", double(onsets.size()), "", 0);
  for (const double seconds : onsets) {
    Fact& fact = list.add("onset", seconds, "s", 2);
    fact.is_listed = true;
  }
  if (!onsets.empty()) list.say(counted(long(onsets.size()), "onset"));
  if (const auto rhythm = rhythm_of(onsets)) {
    list.add("rhythm", *rhythm, "per minute", 0);
    list.say(fixed(*rhythm, 0) + " beats a minute");
  }
}

}  // namespace

InputFacts sound_facts(const Audio& audio) {
  FactList list;
  list.add("length", audio.seconds(), "s", 2);
  list.add("rate", audio.sample_rate, kHertz, 0);
  list.add("channels", audio.channels, "", 0);
  list.say(fixed(audio.seconds(), 1) + " s");
  const std::vector<double> levels = channel_levels(audio);
  const auto loudest = std::ranges::max_element(levels);
  double peak = 0;
  for (const float value : audio.samples)
    peak = std::max(peak, std::abs(double{value}));
  const double silence = silent_share(audio);
  if (*loudest <= kSilence) {
    list.add("silence", kPercent, "%", 0);
    list.say("silent");
    return list.finish(Modality::kAudio);
  }
  list.add("peak", decibels(peak), kFullScale, 1);
  list.add("level", decibels(*loudest), kFullScale, 1);
  if (const auto loudness = integrated_loudness(audio)) {
    list.add("loudness", *loudness, "LUFS", 1);
    list.say("loudness " + fixed(*loudness, 0) + " LUFS");
  }
  const auto channel = static_cast<int>(loudest - levels.begin());
  if (const auto pitch = find_pitch(audio, channel)) add_pitch(list, *pitch);
  if (audio.seconds() <= kLongestOnsetSeconds) add_onsets(list, find_onsets(audio, channel));
  list.add("silence", silence, "%", 0);
  if (silence >= kWorthTelling) list.say("silent for " + fixed(silence, 0) + " % of the time");
  return list.finish(Modality::kAudio);
}

}  // namespace pandagpt
