// Where sounds begin within a recording: claps, barks, notes, knocks.
#pragma once

#include <optional>
#include <vector>

#include "media/audio.h"

namespace pandagpt {

/// The longest sound whose onsets are counted, s.
inline constexpr double kLongestOnsetSeconds = 120;

/// Seconds of each onset of one channel: where the energy of mel bands rises within 30 ms, by more
/// than it does around it, and not within 80 ms after another. What is 60 dB below the loudest
/// counts as silence. The sound must not be longer than kLongestOnsetSeconds. Empty for a sound
/// shorter than a window, and for one that stays 60 dB below full scale.
std::vector<double> find_onsets(const Audio& audio, int channel);

/// Beats a minute, where five onsets and more follow each other evenly: half of the gaps differ by
/// less than a tenth from the middle one.
std::optional<double> rhythm_of(const std::vector<double>& onsets);

}  // namespace pandagpt
