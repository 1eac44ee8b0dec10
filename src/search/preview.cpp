#include "search/preview.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
}

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

#include "media/ffmpeg.h"
#include "media/video.h"
#include "pandagpt/error.h"
#include "preprocess/image.h"
#include "report/html_text.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr int kJpegQuantiser = 4;  // FFmpeg's scale: 2 best .. 31
// A waveform needs all samples; nothing is drawn for recordings that take long to decode.
constexpr double kLongestWaveformSeconds = 1200;

struct SwsDeleter {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};

Image thumbnail(const Image& image) {
  const double scale = std::min({1.0, static_cast<double>(kPreviewWidth) / image.width,
                                 static_cast<double>(kPreviewHeight) / image.height});
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(side * scale)));
  };
  return resize_bicubic(image, scaled(image.width), scaled(image.height));
}

/// The picture in the JPEG encoder's own format: full-range YUV, colours at half the size.
AvFramePtr to_yuv(const Image& image) {
  AvFramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  frame->format = AV_PIX_FMT_YUVJ420P;
  frame->width = image.width;
  frame->height = image.height;
  const std::unique_ptr<SwsContext, SwsDeleter> context(sws_getContext(
      image.width, image.height, AV_PIX_FMT_RGB24, image.width, image.height, AV_PIX_FMT_YUVJ420P,
      SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  if (!context || av_frame_get_buffer(frame.get(), 0) < 0)
    throw Error(ErrorKind::kInternal, "a preview can't be converted to YUV");
  const std::uint8_t* const source[] = {image.rgb.data()};
  const int stride[] = {3 * image.width};
  sws_scale(context.get(), source, stride, 0, image.height, frame->data, frame->linesize);
  return frame;
}

std::string image_element(const Image& picture) {
  const Image small = thumbnail(picture);
  return fmt::format("<img alt=\"\" width=\"{}\" height=\"{}\" src=\"{}\">", small.width,
                     small.height, data_uri("image/jpeg", to_jpeg(small)));
}

std::string film_element(const fs::path& path) {
  VideoReader video(path);
  return image_element(video.frame(video.info().frames / 2));
}

std::string sound_element(const fs::path& path) {
  AudioLimits limits;
  limits.max_seconds = kLongestWaveformSeconds;
  return waveform_svg(load_audio(path, limits));
}

std::string element_of(const fs::path& path, Modality kind) {
  switch (kind) {
    case Modality::kVideo:
      return film_element(path);
    case Modality::kAudio:
      return sound_element(path);
    case Modality::kImu:
      throw Error(ErrorKind::kInput, path.string() + ": a table has no preview");
    default:
      return image_element(load_image(path));
  }
}

}  // namespace

Bytes to_jpeg(const Image& image) {
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  const AvCodecContextPtr context(codec == nullptr ? nullptr : avcodec_alloc_context3(codec));
  const AvPacketPtr packet(av_packet_alloc());
  if (!context || !packet) throw Error(ErrorKind::kInternal, "this FFmpeg can't write JPEG");
  context->width = image.width;
  context->height = image.height;
  context->pix_fmt = AV_PIX_FMT_YUVJ420P;
  context->time_base = {1, 1};
  context->flags |= AV_CODEC_FLAG_QSCALE;
  context->global_quality = kJpegQuantiser * FF_QP2LAMBDA;
  context->thread_count = 1;
  const FfmpegMessages messages;
  const AvFramePtr frame = to_yuv(image);
  frame->quality = context->global_quality;
  if (avcodec_open2(context.get(), codec, nullptr) < 0 ||
      avcodec_send_frame(context.get(), frame.get()) < 0 ||
      avcodec_receive_packet(context.get(), packet.get()) < 0)
    throw Error(ErrorKind::kInternal, "a preview can't be written: " + messages.first_error());
  return {packet->data, packet->data + packet->size};
}

std::string waveform_svg(const Audio& audio) {
  constexpr double kMiddle = kPreviewHeight / 4.0;
  std::string line;
  const auto frames = static_cast<std::size_t>(audio.frames());
  const auto channels = static_cast<std::size_t>(audio.channels);
  for (std::size_t x = 0; x < kPreviewWidth && frames > 0; ++x) {
    const std::size_t begin = x * frames / kPreviewWidth;
    const std::size_t end = std::max(begin + 1, (x + 1) * frames / kPreviewWidth);
    float low = 0, high = 0;
    for (std::size_t i = begin * channels; i < std::min(end, frames) * channels; ++i) {
      low = std::min(low, audio.samples[i]);
      high = std::max(high, audio.samples[i]);
    }
    line += fmt::format("M{} {:.1f}V{:.1f}", x, kMiddle * (1 - std::min(high, 1.0F)) - 0.5,
                        kMiddle * (1 - std::max(low, -1.0F)) + 0.5);
  }
  return fmt::format(
      "<svg class=\"wave\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
      "aria-label=\"waveform\"><path d=\"{2}\" stroke=\"#1596a8\" fill=\"none\"/></svg>",
      kPreviewWidth, kPreviewHeight / 2, line);
}

std::string preview_html(const fs::path& path, Modality kind) {
  try {
    return element_of(path, kind);
  } catch (const Error& error) {
    spdlog::debug("no preview: {}", error.what());
  } catch (const std::bad_alloc&) {
    spdlog::debug("no preview: {} takes more memory than there is", path.string());
  }
  return "<div class=\"box\">" + to_string(kind) + "</div>";
}

}  // namespace pandagpt
