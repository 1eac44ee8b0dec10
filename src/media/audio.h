// Sound: a file or memory buffer -> samples as floats. WAV, FLAC, MP3, OGG, M4A and what else
// FFmpeg reads, also the sound of a video.
//
// Values are those of torchaudio.load and soundfile: an integer sample of b bits divided by
// 2^(b-1) (8-bit WAV: (value - 128) / 128), floats as they are. Of lossy formats the padding that
// their encoders declare is removed, as FFmpeg (and torchaudio since 2.1) does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

struct Audio {
  std::string name;            ///< of the file, for messages
  int sample_rate = 0;         ///< Hz
  int channels = 0;            ///< in the file's order
  std::vector<float> samples;  ///< [frames, channels], -1..1 for integer formats, all finite

  std::int64_t frames() const {
    return channels == 0 ? 0 : static_cast<std::int64_t>(samples.size()) / channels;
  }
  double seconds() const { return sample_rate == 0 ? 0 : double(frames()) / sample_rate; }
};

/// What is refused: judged from the header before memory is taken, and again while decoding, since
/// headers may lie.
struct AudioLimits {
  std::uint64_t max_buffer_bytes = std::uint64_t{2} << 30;  ///< of standard input
  int max_channels = 64;
  int max_sample_rate = 768'000;                         ///< Hz
  double max_seconds = 4 * 3600;                         ///< of the whole file
  std::uint64_t max_samples = std::uint64_t{512} << 20;  ///< frames x channels (4 bytes each)
};

/// Decodes the main sound of a buffer. `name` stands for it in error messages.
/// Throws Error(kInput), "NAME: what; what to do": empty, no sound, a format that isn't supported,
/// damaged, a sample that isn't a number, or beyond `limits`. A file that is damaged in part gives
/// its readable part and a warning in the log.
Audio decode_audio(ByteView bytes, const std::string& name, const AudioLimits& limits = {});

/// The same of a file, or of standard input when `path` is "-".
Audio load_audio(const std::filesystem::path& path, const AudioLimits& limits = {});

}  // namespace pandagpt
