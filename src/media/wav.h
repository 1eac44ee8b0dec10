// WAV files that FFmpeg (5.1) reads as something else, without a word:
//
// - RIFX, whose numbers are big-endian: it takes the samples for little-endian ones;
// - WAVE_FORMAT_EXTENSIBLE with fewer valid bits than the container has bytes for (24 bits in 32):
//   it takes the samples for smaller ones, or for floats.
//
// These are read here; all other sounds are FFmpeg's.
#pragma once

#include <optional>

#include "media/audio.h"
#include "media/byte_source.h"

namespace pandagpt {

/// The sound of such a file (RIFF, RIFX, RF64, BW64 or Sony's W64); nothing for other files.
/// Throws Error(kInput) as decode_audio does, and for integers of 5 to 7 bytes, which are refused
/// by name.
std::optional<Audio> decode_misread_wav(ByteSource& source, const AudioLimits& limits);

}  // namespace pandagpt
