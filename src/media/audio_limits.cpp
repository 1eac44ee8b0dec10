#include "media/audio_limits.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "core/warnings.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// A header that announces clearly more than there is means a truncated file. MP3 headers count the
// encoder's padding, up to 0.3 s at 8 kHz, which is cut from the sound.
constexpr double kMissingShare = 0.01;
constexpr double kMissingSeconds = 0.5;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

std::string number(double value) {
  std::string text = std::to_string(value);
  return text.substr(0, text.find('.') + 2);
}

}  // namespace

void check_audio_format(const std::string& name, int sample_rate, int channels,
                        const AudioLimits& limits) {
  if (sample_rate < 1)
    fail(name, "the sample rate is " + std::to_string(sample_rate) + " Hz; convert the file again");
  if (sample_rate > limits.max_sample_rate)
    fail(name, "the sample rate of " + std::to_string(sample_rate) + " Hz is above the limit of " +
                   std::to_string(limits.max_sample_rate) + " Hz; resample it first");
  if (channels < 1) fail(name, "the sound has no channels; convert the file again");
  if (channels > limits.max_channels)
    fail(name, std::to_string(channels) + " channels are more than the limit of " +
                   std::to_string(limits.max_channels) + "; mix them down first");
}

void check_audio_length(const std::string& name, double seconds, double samples,
                        const AudioLimits& limits) {
  if (seconds > limits.max_seconds)
    fail(name, "the sound of " + number(seconds) + " s is longer than the limit of " +
                   number(limits.max_seconds) + " s; cut it into pieces");
  if (samples > static_cast<double>(limits.max_samples))
    fail(name, "the sound of " + number(samples / 1e6) + " million samples is above the limit of " +
                   number(static_cast<double>(limits.max_samples) / 1e6) +
                   " million; cut it into pieces");
}

void check_finite(const Audio& audio, std::size_t begin) {
  const auto channels = static_cast<std::size_t>(audio.channels);
  for (std::size_t i = begin; i < audio.samples.size(); ++i)
    if (!std::isfinite(audio.samples[i]))
      fail(audio.name, "sample " + std::to_string(i / channels) + " of channel " +
                           std::to_string(i % channels) +
                           " is not a finite number; repair or convert the file");
}

bool warn_if_short(const Audio& audio, double announced_seconds, const std::string& detail) {
  const double missing = announced_seconds - audio.seconds();
  if (missing <= kMissingSeconds || missing <= kMissingShare * announced_seconds) return false;
  warn(fmt::format("{}: the file has {:.1f} s of the {:.1f} s that its header announces{}",
                   audio.name, audio.seconds(), announced_seconds, detail));
  return true;
}

}  // namespace pandagpt
