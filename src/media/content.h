// Whether a decoded input carries anything at all: towers embed black pictures and silence as
// gladly as any other, and a language model then answers as if it had seen something.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "media/audio.h"
#include "media/image.h"
#include "media/imu.h"

namespace pandagpt {

/// All but one in a thousand pixels are within 8 of 255 levels in each channel: JPEG's rounding and
/// the noise of a covered lens stay below that. Looks at no more than 65,536 pixels.
bool is_one_colour(const Image& image);

/// The same for values of a map: all but one in a thousand within a five-hundredth of their middle,
/// which is less than a sensor's steps. True for none.
bool is_constant(std::span<const float> values);

/// Root mean square about the mean, of every channel: [channels].
std::vector<double> channel_levels(const Audio& audio);

/// -80 dB of full scale: above the noise of digital silence (0.5 steps of 16 bits are -96 dB),
/// below that of any microphone.
inline constexpr double kSilence = 1e-4;
/// A channel at 40 dB below the loudest one has its cross-talk alone.
inline constexpr double kCrossTalk = 1e-2;

/// Leaves the channel of `audio` that `choice` means (SensorOptions::audio_channel), or all of them
/// where that is the first one. Warns if what is left is silent, and says whether another channel
/// isn't. Throws Error(kInput) for a channel that the sound doesn't have.
void choose_channel(Audio& audio, int choice);

/// Warns of a recording in which a sensor was off: all zeros, or the same values in every sample.
/// A device that lies still feels gravity, and that is a signal.
void judge_motion(const ImuRecording& recording);

}  // namespace pandagpt
