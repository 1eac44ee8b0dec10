#include "media/media_report.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/pixdesc.h>
}

#include <spdlog/fmt/fmt.h>

#include <array>
#include <utility>

#include "core/utf8.h"
#include "media/exif_camera.h"
#include "media/image_chunks.h"
#include "media/image_info.h"
#include "media/media_input.h"
#include "media/radiometric_jpeg.h"
#include "media/video_frame.h"
#include "media/video_rotation.h"

namespace pandagpt {
namespace {

// --- Pictures ------------------------------------------------------------------------------------

/// How it is turned to be upright, by the EXIF orientation.
constexpr std::array<const char*, 9> kTurns{"",
                                            "",
                                            "mirrored left to right",
                                            "turned by 180°",
                                            "mirrored top to bottom",
                                            "mirrored, then turned by 270° clockwise",
                                            "turned by 90° clockwise",
                                            "mirrored, then turned by 90° clockwise",
                                            "turned by 270° clockwise"};

const char* jpeg_colours(int components) {
  constexpr int kGrey = 1, kColours = 3, kInks = 4;
  if (components == kGrey) return "grey";
  if (components == kColours) return "colour (YCbCr or RGB)";
  return components == kInks ? "four inks (CMYK)" : "unknown";
}

void add_jpeg(ByteView bytes, InputReport& report) {
  constexpr std::uint8_t kProgressive = 0xC2;
  constexpr std::uint8_t kApp2 = 0xE2;
  bool has_profile = false;
  try {
    for_each_jpeg_segment(ByteReader(bytes, true), [&](const JpegSegment& segment) {
      const ByteReader payload(segment.payload, true);
      if (jpeg::is_sof(segment.marker)) {
        report.add("bits", std::to_string(payload.u8(0)) + " a sample");
        report.add("colours", jpeg_colours(payload.u8(5)));
        if (segment.marker == kProgressive) report.add("coding", "progressive");
      }
      if (segment.marker == kApp2 && payload.matches(0, "ICC_PROFILE")) has_profile = true;
      return segment.marker != jpeg::kSos;
    });
  } catch (const OutOfBytes&) {
    // What the headers said before counts.
  }
  if (has_profile) report.add("colour profile", "ICC, not applied");
}

void add_png(ByteView bytes, InputReport& report) {
  constexpr std::size_t kBitsAt = 24, kColourTypeAt = 25;
  const ByteReader file(bytes, true);
  report.add("bits", std::to_string(file.u8(kBitsAt)) + " a sample");
  const auto colours = [&]() -> const char* {
    switch (file.u8(kColourTypeAt)) {
      case 0:
        return "grey";
      case 2:
        return "RGB";
      case 3:
        return "palette";
      case 4:
        return "grey with alpha (dropped)";
      case 6:
        return "RGB with alpha (dropped)";
      default:
        return "unknown";
    }
  };
  report.add("colours", colours());
  bool has_profile = false;
  for_each_png_chunk(file, [&](const Chunk& chunk) {
    has_profile = has_profile || chunk.type == "iCCP";
    return chunk.type != "IDAT";
  });
  if (has_profile) report.add("colour profile", "ICC, not applied");
}

// --- Films and sounds ----------------------------------------------------------------------------

std::string tag(const AVDictionary* tags, const char* name) {
  const AVDictionaryEntry* entry = av_dict_get(tags, name, nullptr, 0);
  return entry == nullptr ? "" : entry->value;
}

std::string first_tag(const AVFormatContext& format, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (std::string value = tag(format.metadata, name); !value.empty() && is_printable_utf8(value))
      return value;
  return {};
}

CaptureInfo capture_of(const AVFormatContext& format) {
  CaptureInfo capture;
  const ExifCamera camera{
      first_tag(format, {"com.apple.quicktime.make", "com.android.manufacturer", "make"}),
      first_tag(format, {"com.apple.quicktime.model", "com.android.model", "model"})};
  capture.camera = camera.name();
  capture.time = shown_time(
      first_tag(format, {"com.apple.quicktime.creationdate", "creation_time", "date_recorded"}));
  return capture;
}

std::string rational(AVRational value) {
  return fmt::format("{}:{}", value.num, value.den);
}

void add_colours(const AVCodecParameters& video, InputReport& report) {
  const auto format = static_cast<AVPixelFormat>(video.format);
  if (const AVPixFmtDescriptor* pixels = av_pix_fmt_desc_get(format))
    report.add("pixels", fmt::format("{}, {} bits a sample", pixels->name, pixels->comp[0].depth));
  if (video.color_trc == AVCOL_TRC_SMPTE2084)
    report.add("high dynamic range", "PQ (HDR10)", "the stream's transfer function");
  if (video.color_trc == AVCOL_TRC_ARIB_STD_B67)
    report.add("high dynamic range", "HLG", "the stream's transfer function");
  if (video.color_primaries != AVCOL_PRI_UNSPECIFIED)
    report.add("colour primaries", av_color_primaries_name(video.color_primaries));
  if (video.color_space != AVCOL_SPC_UNSPECIFIED)
    report.add("colour matrix", av_color_space_name(video.color_space));
}

void add_video(const AVStream& stream, AVFormatContext& format, InputReport& report) {
  const AVCodecParameters& video = *stream.codecpar;
  report.add("video codec", avcodec_get_name(video.codec_id));
  report.add("coded size", fmt::format("{} x {} pixels", video.width, video.height));
  const int orientation = orientation_of(stream);
  if (orientation != 1) {
    const int rotation = rotation_of_orientation(orientation);
    const bool is_mirrored = orientation != orientation_of_rotation(rotation);
    report.add("rotation",
               is_mirrored ? std::string(kTurns[orientation])
                           : fmt::format("turned by {}° clockwise to be upright", rotation),
               "the stream's display matrix");
  }
  const AVRational aspect =
      av_guess_sample_aspect_ratio(&format, const_cast<AVStream*>(&stream), nullptr);
  if (aspect.num > 0 && aspect.num != aspect.den)
    report.add("pixel aspect ratio", rational(aspect), "the file");
  if (stream.avg_frame_rate.num > 0 && stream.avg_frame_rate.den > 0)
    report.add("frame rate", fmt::format("{:.5g} a second", av_q2d(stream.avg_frame_rate)));
  if (stream.nb_frames > 0) report.add("frames", std::to_string(stream.nb_frames));
  add_colours(video, report);
}

void add_sound(const AVStream& stream, InputReport& report) {
  const AVCodecParameters& sound = *stream.codecpar;
  report.add("sound codec", avcodec_get_name(sound.codec_id));
  report.add("sample rate", fmt::format("{} Hz", sound.sample_rate));
  std::string channels = std::to_string(sound.ch_layout.nb_channels);
  if (sound.ch_layout.order != AV_CHANNEL_ORDER_UNSPEC) {
    std::array<char, 64> layout{};
    av_channel_layout_describe(&sound.ch_layout, layout.data(), layout.size());
    channels += fmt::format(" ({})", layout.data());
  }
  report.add("channels", channels);
  const int bits = sound.bits_per_raw_sample > 0 ? sound.bits_per_raw_sample
                                                 : av_get_bits_per_sample(sound.codec_id);
  if (bits > 0) report.add("bits", std::to_string(bits) + " a sample");
}

RecordingInfo info_of(MediaInput input) {
  AVFormatContext& format = input.format();
  RecordingInfo info;
  info.capture = capture_of(format);
  info.report.format =
      format.iformat->long_name != nullptr ? format.iformat->long_name : format.iformat->name;
  info.report.device = info.capture.camera;
  if (format.duration > 0)  // not AV_NOPTS_VALUE
    info.report.add("length",
                    fmt::format("{:.2f} s", static_cast<double>(format.duration) / AV_TIME_BASE));
  if (const AVStream* video = input.find_stream(AVMEDIA_TYPE_VIDEO))
    add_video(*video, format, info.report);
  if (const AVStream* sound = input.find_stream(AVMEDIA_TYPE_AUDIO)) add_sound(*sound, info.report);
  if (!info.capture.time.empty()) info.report.add("recorded", info.capture.time, "the container");
  return info;
}

}  // namespace

InputReport report_picture(ByteView bytes, const std::string& name) {
  const ImageInfo info = read_image_info(bytes, name);
  const CaptureInfo capture = read_capture_info(bytes, info.format);
  InputReport report;
  report.format = format_name(info.format);
  report.device = capture.camera;
  const auto [width, height] = upright_size(info);
  report.add("size", fmt::format("{} x {} pixels", width, height));
  if (info.orientation > 1)
    report.add("orientation", kTurns.at(static_cast<std::size_t>(info.orientation)),
               fmt::format("EXIF orientation {}", info.orientation));
  if (info.format == ImageFormat::kJpeg) add_jpeg(bytes, report);
  if (info.format == ImageFormat::kPng) add_png(bytes, report);
  if (const std::string maker = measurement_in_jpeg(bytes); !maker.empty())
    report.add("measurement", "temperatures or counts of " + maker + "'s",
               "read where it is given as a thermal picture");
  if (!capture.time.empty()) report.add("taken", capture.time, "EXIF");
  return report;
}

std::string misread_samples(ByteView beginning) {
  constexpr std::size_t kFirstChunkAt = 12;
  constexpr std::uint16_t kFloats = 3, kExtensible = 0xFFFE;
  constexpr int kBitsOfByte = 8;
  const bool is_big_endian = ByteReader(beginning).matches(0, "RIFX");
  if (!is_big_endian && !ByteReader(beginning).matches(0, "RIFF")) return {};
  std::string samples;
  const auto describe = [&](const Chunk& chunk) {
    if (chunk.type != "fmt ") return true;
    const ByteReader header(chunk.payload, is_big_endian);
    const bool is_extensible = header.u16(0) == kExtensible;
    const int bits = header.u16(14);
    const int valid = is_extensible && header.u16(18) > 0 ? header.u16(18) : bits;
    const bool has_spare_bytes = (valid + kBitsOfByte - 1) / kBitsOfByte < bits / kBitsOfByte;
    if (!is_big_endian && !has_spare_bytes) return false;
    const bool are_floats = header.u16(is_extensible ? 24 : 0) == kFloats;
    samples = fmt::format("{} of {} bits{}, {}", are_floats ? "floats" : "integers", valid,
                          valid == bits ? "" : fmt::format(" in {}", bits),
                          is_big_endian ? "big-endian" : "little-endian");
    return false;
  };
  try {
    for_each_riff_chunk(ByteReader(beginning, is_big_endian), kFirstChunkAt, describe);
  } catch (const OutOfBytes&) {
    // No format among the first chunks: nothing is known.
  }
  return samples;
}

RecordingInfo read_recording_info(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBufferBytes = std::uint64_t{2} << 30;  // of standard input
  return info_of(MediaInput(path, kMaxBufferBytes));
}

RecordingInfo read_recording_info(ByteView bytes, const std::string& name) {
  return info_of(MediaInput(bytes, name));
}

}  // namespace pandagpt
