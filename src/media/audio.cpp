#include "media/audio.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/samplefmt.h>
}

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <new>
#include <span>

#include "core/time_limit.h"
#include "core/warnings.h"
#include "media/audio_limits.h"
#include "media/media_input.h"
#include "media/wav.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

/// Containers may say how many bytes a sample has and FFmpeg take it for fewer: 24 bits that stand
/// in 32 would be noise.
void check_container(const MediaInput& input, const AVCodecParameters& header) {
  switch (header.codec_id) {
    case AV_CODEC_ID_PCM_S16LE:
    case AV_CODEC_ID_PCM_S16BE:
    case AV_CODEC_ID_PCM_S24LE:
    case AV_CODEC_ID_PCM_S24BE:
    case AV_CODEC_ID_PCM_S32LE:
    case AV_CODEC_ID_PCM_S32BE:
    case AV_CODEC_ID_PCM_U8:
    case AV_CODEC_ID_PCM_S8:
      break;
    default:
      return;
  }
  constexpr int kBitsOfByte = 8;
  constexpr int kMostBytes = 8;
  const int channels = header.ch_layout.nb_channels;
  if (channels < 1 || header.block_align <= 0 || header.block_align % channels != 0) return;
  const int bits = av_get_bits_per_sample(header.codec_id);
  const int bytes = header.block_align / channels;
  if (bytes <= kMostBytes && bytes * kBitsOfByte > bits)
    input.fail(
        fmt::format("samples of {} bits stand in {} bytes each, which can't be read from "
                    "this kind of file; save the sound as WAV or FLAC",
                    bits, bytes));
}

// One sample of FFmpeg's (the alternative with planes has the same values) as a float.
template <typename Sample>
float to_float(Sample value) {
  if constexpr (std::is_floating_point_v<Sample>) {
    return static_cast<float>(value);
  } else if constexpr (std::is_same_v<Sample, std::uint8_t>) {
    return static_cast<float>(value - 128) / 128.0F;
  } else {
    constexpr double kScale = 1.0 / (1ULL << (8 * sizeof(Sample) - 1));
    return static_cast<float>(static_cast<double>(value) * kScale);
  }
}

template <typename Sample>
void append(const AVFrame& frame, bool planar, std::vector<float>& out) {
  const int channels = frame.ch_layout.nb_channels;
  const auto frames = static_cast<std::size_t>(frame.nb_samples);
  const std::size_t begin = out.size();
  out.resize(begin + frames * channels);
  float* to = out.data() + begin;
  if (!planar) {
    const auto* from = reinterpret_cast<const Sample*>(frame.extended_data[0]);
    std::transform(from, from + frames * channels, to, to_float<Sample>);
    return;
  }
  for (int channel = 0; channel < channels; ++channel) {
    const auto* from = reinterpret_cast<const Sample*>(frame.extended_data[channel]);
    for (std::size_t i = 0; i < frames; ++i)
      to[i * channels + channel] = to_float(from[i]);
  }
}

// Decodes one stream into an Audio.
class AudioDecoder {
 public:
  AudioDecoder(MediaInput& input, const AVStream& stream, const AudioLimits& limits)
      : input_(input), limits_(limits), frame_(av_frame_alloc()), packet_(av_packet_alloc()) {
    if (!frame_ || !packet_) throw std::bad_alloc();
    const AVCodecParameters& header = *stream.codecpar;
    check_audio_format(input.name(), header.sample_rate, header.ch_layout.nb_channels, limits);
    check_container(input, header);
    judge_header(stream);
    audio_.name = input.name();
    context_ = input.open_decoder(stream, 1);  // more gain nothing, and FfmpegMessages needs it
  }

  Audio decode() {
    FfmpegMessages messages;
    while (input_.read(*packet_))
      send(packet_.get());
    send(nullptr);
    const std::string& complaint = messages.first_error();
    const std::string detail = complaint.empty() ? "" : " (" + complaint + ")";
    if (audio_.samples.empty())
      input_.fail("there is no sound in the file" + detail + "; get a complete copy of it");
    cut_padding();
    if (!warn_if_short(audio_, announced_seconds_, detail) && !complaint.empty())
      warn(input_.name() + ": the file is damaged" + detail + "; its readable part is used");
    return std::move(audio_);
  }

 private:
  void judge_header(const AVStream& stream) {
    AVFormatContext& format = input_.format();
    if (format.duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) return;  // a guess
    double seconds = 0;
    if (stream.duration != AV_NOPTS_VALUE)
      seconds = static_cast<double>(stream.duration) * av_q2d(stream.time_base);
    else if (format.duration != AV_NOPTS_VALUE)
      seconds = static_cast<double>(format.duration) / AV_TIME_BASE;
    const AVCodecParameters& header = *stream.codecpar;
    check_audio_length(input_.name(), seconds,
                       seconds * header.sample_rate * header.ch_layout.nb_channels, limits_);
    announced_seconds_ = seconds;
    const bool counts_samples =
        stream.time_base.num == 1 && stream.time_base.den == header.sample_rate;
    if (counts_samples && stream.duration != AV_NOPTS_VALUE) exact_frames_ = stream.duration;
  }

  // An Ogg file ends in the middle of its last Vorbis block, which FFmpeg's decoder gives as a
  // whole.
  void cut_padding() {
    if (context_->codec_id != AV_CODEC_ID_VORBIS || exact_frames_ <= 0) return;
    const std::int64_t wanted = exact_frames_ * audio_.channels;
    if (static_cast<std::int64_t>(audio_.samples.size()) > wanted)
      audio_.samples.resize(static_cast<std::size_t>(wanted));
  }

  // A packet that can't be decoded is left out; FFmpeg's complaint about it makes the warning.
  void send(const AVPacket* packet) {
    if (avcodec_send_packet(context_.get(), packet) == AVERROR(ENOMEM)) throw std::bad_alloc();
    while (true) {
      TimeLimit::check(input_.name());
      const int code = avcodec_receive_frame(context_.get(), frame_.get());
      if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
      if (code < 0) return;
      add(*frame_);
    }
  }

  void add(const AVFrame& frame) {
    const int channels = frame.ch_layout.nb_channels;
    if (audio_.channels == 0) {
      check_audio_format(input_.name(), frame.sample_rate, channels, limits_);
      audio_.sample_rate = frame.sample_rate;
      audio_.channels = channels;
    }
    if (channels != audio_.channels || frame.sample_rate != audio_.sample_rate)
      input_.fail(
          "the number of channels or the sample rate changes within the file; convert it "
          "first");
    const std::size_t before = audio_.samples.size();
    check_audio_length(
        input_.name(), audio_.seconds(),
        static_cast<double>(before) + static_cast<double>(frame.nb_samples) * channels, limits_);
    append_frame(frame);
    check_finite(audio_, before);
  }

  void append_frame(const AVFrame& frame) {
    const auto format = static_cast<AVSampleFormat>(frame.format);
    const bool planar = av_sample_fmt_is_planar(format) != 0;
    std::vector<float>& out = audio_.samples;
    switch (av_get_packed_sample_fmt(format)) {
      case AV_SAMPLE_FMT_U8:
        return append<std::uint8_t>(frame, planar, out);
      case AV_SAMPLE_FMT_S16:
        return append<std::int16_t>(frame, planar, out);
      case AV_SAMPLE_FMT_S32:  // of 24-bit files too: shifted to the top
        return append<std::int32_t>(frame, planar, out);
      case AV_SAMPLE_FMT_S64:
        return append<std::int64_t>(frame, planar, out);
      case AV_SAMPLE_FMT_FLT:
        return append<float>(frame, planar, out);
      case AV_SAMPLE_FMT_DBL:
        return append<double>(frame, planar, out);
      default:
        input_.fail("the samples have an unknown format; convert the file first");
    }
  }

  MediaInput& input_;
  const AudioLimits& limits_;
  AvCodecContextPtr context_;
  AvFramePtr frame_;
  AvPacketPtr packet_;
  double announced_seconds_ = 0;
  std::int64_t exact_frames_ = 0;  // of the whole sound, if the container counts samples
  Audio audio_;
};

Audio decode(MediaInput input, const AudioLimits& limits) {
  const AVStream* stream = input.find_stream(AVMEDIA_TYPE_AUDIO);
  if (stream == nullptr) input.fail("the file has no sound; give one with an audio track");
  input.read_only(*stream);
  return AudioDecoder(input, *stream, limits).decode();
}

}  // namespace

Audio decode_audio(ByteView bytes, const std::string& name, const AudioLimits& limits) {
  ByteSource source(bytes, name);
  if (auto audio = decode_misread_wav(source, limits)) return std::move(*audio);
  return decode(MediaInput(bytes, name), limits);
}

Audio load_audio(const std::filesystem::path& path, const AudioLimits& limits) {
  if (path == "-")
    return decode_audio(read_file(path, limits.max_buffer_bytes), "standard input", limits);
  std::error_code code;
  if (std::filesystem::is_regular_file(path, code)) {
    ByteSource source(path);
    if (auto audio = decode_misread_wav(source, limits)) return std::move(*audio);
  }
  return decode(MediaInput(path, limits.max_buffer_bytes), limits);
}

}  // namespace pandagpt
