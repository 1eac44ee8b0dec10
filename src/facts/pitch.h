// The pitch of a sound that has one: voices, animals, instruments, sirens.
#pragma once

#include <optional>
#include <string>

#include "media/audio.h"

namespace pandagpt {

struct Pitch {
  double median = 0;   ///< Hz
  double lowest = 0;   ///< Hz: a tenth of the time it is below
  double highest = 0;  ///< Hz: a tenth of the time it is above
  double share = 0;    ///< of the time that isn't silent: how long there is a pitch
};

/// Of one channel, 60 to 4000 Hz, in up to 200 windows spread over the sound: the period in which
/// the signal repeats itself, by the normalised difference function of YIN (de Cheveigne and
/// Kawahara 2002). Nothing if there is none in 30 % of what isn't silent: noise, rain, engines,
/// several voices at once.
std::optional<Pitch> find_pitch(const Audio& audio, int channel);

/// The nearest note of equal temperament, A4 = 440 Hz: "A4", "C#5".
std::string note_of(double hertz);

}  // namespace pandagpt
