// What both readers of sound refuse, in the same words.
#pragma once

#include <string>

#include "media/audio.h"

namespace pandagpt {

/// Each throws Error(kInput), "NAME: what; what to do".
void check_audio_format(const std::string& name, int sample_rate, int channels,
                        const AudioLimits& limits);
void check_audio_length(const std::string& name, double seconds, double samples,
                        const AudioLimits& limits);
/// Of the samples from `begin` on.
void check_finite(const Audio& audio, std::size_t begin);

/// Warns if the sound is clearly shorter than announced; `detail` is put behind, " (why)" or "".
/// Whether it did.
bool warn_if_short(const Audio& audio, double announced_seconds, const std::string& detail);

}  // namespace pandagpt
