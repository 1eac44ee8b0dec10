#include "media/wav.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "core/time_limit.h"
#include "media/audio_limits.h"
#include "media/byte_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Chunks --------------------------------------------------------------------------------------

/// As many of them as there are.
Bytes read_bytes(ByteSource& source, std::uint64_t at, std::uint64_t length) {
  const std::uint64_t size = source.size();
  return at < size ? source.read(at, std::min(length, size - at)) : Bytes();
}

struct WavFile {
  bool big_endian = false;
  bool is_w64 = false;
  Bytes format;                   ///< of the "fmt " chunk
  std::uint64_t data_at = 0;      ///< 0: no "data" chunk
  std::uint64_t data_bytes = 0;   ///< as announced
  std::uint64_t large_bytes = 0;  ///< of the data, by RF64's "ds64" chunk
};

std::uint64_t u64(const ByteReader& bytes, std::size_t at) {
  return bytes.u32(at) | std::uint64_t{bytes.u32(at + 4)} << 32;
}

/// Sony's Wave64: names of 16 bytes that begin with RIFF's, sizes of 8 that count both.
constexpr std::string_view kW64Riff{"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00", 16};

std::optional<WavFile> open_wav(ByteSource& source) {
  const Bytes start = read_bytes(source, 0, 40);
  const ByteReader file(start);
  WavFile wav;
  wav.is_w64 = file.matches(0, kW64Riff) && file.matches(24, "wave");
  wav.big_endian = file.matches(0, "RIFX");
  const bool is_riff = wav.big_endian || file.matches(0, "RIFF") || file.matches(0, "RF64") ||
                       file.matches(0, "BW64");
  if (!wav.is_w64 && !(is_riff && file.matches(8, "WAVE"))) return std::nullopt;
  return wav;
}

/// Up to the samples; true when they and the format are there.
bool find_chunks(ByteSource& source, WavFile& wav) {
  constexpr int kMostChunks = 10'000;
  constexpr std::uint32_t kStreamed = 0xFFFFFFFF;  // also: see "ds64"
  constexpr std::size_t kLongestFormat = 256;
  const std::size_t header_bytes = wav.is_w64 ? 24 : 8;
  std::uint64_t at = wav.is_w64 ? 40 : 12;
  for (int i = 0; i < kMostChunks; ++i) {
    const Bytes header = read_bytes(source, at, header_bytes);
    if (header.size() < header_bytes) return false;
    const ByteReader chunk(header, wav.big_endian);
    std::uint64_t length = wav.is_w64 ? u64(chunk, 16) : chunk.u32(4);
    if (wav.is_w64) {
      if (length < header_bytes) return false;
      length -= header_bytes;
    }
    at += header_bytes;
    if (chunk.matches(0, "ds64")) {
      const Bytes sizes = read_bytes(source, at, 16);
      if (sizes.size() == 16) wav.large_bytes = u64(ByteReader(sizes), 8);
    } else if (chunk.matches(0, "fmt ")) {
      wav.format = read_bytes(source, at, std::min<std::uint64_t>(length, kLongestFormat));
    } else if (chunk.matches(0, "data")) {
      wav.data_at = at;
      const bool is_streamed = !wav.is_w64 && length == kStreamed;
      wav.data_bytes = is_streamed ? wav.large_bytes : length;
      if (wav.data_bytes == 0) wav.data_bytes = source.size() - std::min(source.size(), at);
      return !wav.format.empty();
    }
    const std::uint64_t padded = wav.is_w64 ? (length + 7) / 8 * 8 : length + length % 2;
    if (padded > source.size()) return false;
    at += padded;
  }
  return false;
}

// --- Format --------------------------------------------------------------------------------------

constexpr int kPcm = 1;
constexpr int kFloat = 3;
constexpr int kExtensible = 0xFFFE;

struct WavFormat {
  int tag = 0;  ///< of an extensible format: the one within it
  bool is_extensible = false;
  int channels = 0;
  std::uint32_t rate = 0;
  int sample_bytes = 0;
  int valid_bits = 0;
};

/// Throws OutOfBytes.
WavFormat read_format(const WavFile& wav) {
  const ByteReader chunk(wav.format, wav.big_endian);
  WavFormat format;
  format.tag = chunk.u16(0);
  format.channels = chunk.u16(2);
  format.rate = chunk.u32(4);
  const int block_bytes = chunk.u16(12);
  const int bits = chunk.u16(14);
  format.valid_bits = bits;
  format.sample_bytes = format.channels > 0 ? block_bytes / format.channels : 0;
  format.is_extensible = format.tag == kExtensible;
  if (format.is_extensible) {
    if (const int valid = chunk.u16(18); valid > 0) format.valid_bits = valid;
    format.tag = static_cast<int>(chunk.u32(24) & 0xFFFF);  // the first field of its GUID
  }
  return format;
}

/// Whether FFmpeg takes the samples for others.
bool is_misread(const WavFile& wav, const WavFormat& format) {
  if (format.tag != kPcm && format.tag != kFloat) return false;
  const bool odd_integers =
      format.tag == kPcm && format.sample_bytes >= 5 && format.sample_bytes <= 7;
  const bool is_padded = format.tag == kPcm && format.is_extensible && format.sample_bytes > 0 &&
                         (format.valid_bits + 7) / 8 != format.sample_bytes;
  return wav.big_endian || is_padded || odd_integers;
}

void check_samples(const WavFormat& format, const std::string& name) {
  const bool good = format.tag == kPcm ? (format.sample_bytes >= 1 && format.sample_bytes <= 4) ||
                                             format.sample_bytes == 8
                                       : format.sample_bytes == 4 || format.sample_bytes == 8;
  if (!good)
    fail(name, fmt::format("samples of {} bits in {} bytes can't be read; save the sound with 16, "
                           "24 or 32 bits",
                           format.valid_bits, format.sample_bytes));
}

// --- Samples -------------------------------------------------------------------------------------

/// Bytes of one sample, the most significant first -> -1..1, as audio.h has it.
float to_float(const std::uint8_t* bytes, const WavFormat& format) {
  constexpr double kFullScale = 9223372036854775808.0;  // 2^63
  std::uint64_t number = 0;
  for (int i = 0; i < format.sample_bytes; ++i)
    number = number << 8 | bytes[i];
  if (format.tag == kFloat)
    return format.sample_bytes == 4 ? std::bit_cast<float>(static_cast<std::uint32_t>(number))
                                    : static_cast<float>(std::bit_cast<double>(number));
  if (format.sample_bytes == 1) return static_cast<float>(int(number) - 128) / 128.0F;
  const std::uint64_t at_the_top = number << (64 - 8 * format.sample_bytes);
  return static_cast<float>(double(static_cast<std::int64_t>(at_the_top)) / kFullScale);
}

Audio read_samples(ByteSource& source, const WavFile& wav, const WavFormat& format) {
  const std::string& name = source.name();
  constexpr std::size_t kSamplesAtATime = 1 << 16;
  const auto sample_bytes = static_cast<std::size_t>(format.sample_bytes);
  Audio audio{.name = name,
              .sample_rate = static_cast<int>(format.rate),
              .channels = format.channels,
              .samples = {}};
  const std::uint64_t there =
      std::min(wav.data_bytes, source.size() - std::min(source.size(), wav.data_at));
  const std::uint64_t frame_bytes = sample_bytes * static_cast<std::uint64_t>(format.channels);
  std::uint64_t left = there / frame_bytes * static_cast<std::uint64_t>(format.channels);
  audio.samples.reserve(left);
  for (std::uint64_t at = wav.data_at; left > 0;) {
    TimeLimit::check(name);
    const std::size_t wanted = std::min<std::uint64_t>(left, kSamplesAtATime);
    Bytes block;
    try {
      block = read_bytes(source, at, wanted * sample_bytes);
    } catch (const OutOfBytes&) {  // the file has become shorter: what came before is used
    }
    const std::size_t got = block.size() / sample_bytes;
    for (std::size_t i = 0; i < got; ++i) {
      std::uint8_t* sample = block.data() + i * sample_bytes;
      if (!wav.big_endian) std::reverse(sample, sample + sample_bytes);
      audio.samples.push_back(to_float(sample, format));
    }
    if (got < wanted) break;
    left -= wanted;
    at += wanted * sample_bytes;
  }
  audio.samples.resize(audio.samples.size() - audio.samples.size() % audio.channels);
  if (audio.samples.empty()) fail(name, "there is no sound in the file; get a complete copy of it");
  check_finite(audio, 0);
  return audio;
}

}  // namespace

std::optional<Audio> decode_misread_wav(ByteSource& source, const AudioLimits& limits) {
  const std::string& name = source.name();
  std::optional<WavFile> wav = open_wav(source);
  if (!wav) return std::nullopt;
  try {
    if (!find_chunks(source, *wav)) return std::nullopt;
    const WavFormat format = read_format(*wav);
    if (!is_misread(*wav, format)) return std::nullopt;
    constexpr std::uint32_t kMostHertz = 1'000'000'000;  // of any limit, and of an int
    check_audio_format(name, static_cast<int>(std::min(format.rate, kMostHertz)), format.channels,
                       limits);
    check_samples(format, name);
    const double samples = double(wav->data_bytes) / format.sample_bytes;
    const double seconds = samples / format.channels / format.rate;
    check_audio_length(name, seconds, samples, limits);
    Audio audio = read_samples(source, *wav, format);
    warn_if_short(audio, seconds, "");
    return audio;
  } catch (const OutOfBytes&) {
    return std::nullopt;  // FFmpeg says what is wrong with it
  }
}

}  // namespace pandagpt
