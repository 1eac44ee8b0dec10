// WAV files that FFmpeg (5.1) reads as something else, without a word:
//
// - RIFX, whose numbers are big-endian: it takes the samples for little-endian ones;
// - WAVE_FORMAT_EXTENSIBLE with fewer valid bits than the container has bytes for (24 bits in 32):
//   it takes the samples for smaller ones, or for floats.
//
// These are read here; all other sounds are FFmpeg's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "media/audio.h"

namespace pandagpt {

/// The bytes of a file, wherever they are.
struct ByteSource {
  std::uint64_t size = 0;
  /// Copies bytes from `at` on, as many as `out` takes; returns how many there were.
  std::function<std::size_t(std::uint64_t at, std::span<std::uint8_t> out)> read;
};

/// The sound of such a file (RIFF, RIFX, RF64, BW64 or Sony's W64); nothing for other files.
/// Throws Error(kInput) as decode_audio does, and for integers of 5 to 7 bytes, which are refused
/// by name.
std::optional<Audio> decode_misread_wav(const ByteSource& source, const std::string& name,
                                        const AudioLimits& limits);

}  // namespace pandagpt
