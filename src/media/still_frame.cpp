#include "media/still_frame.h"

#include <new>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

AvCodecContextPtr open_decoder(const StillPacket& packet, const std::string& name) {
  const AVCodec* codec = avcodec_find_decoder(packet.codec);
  if (codec == nullptr)
    fail(name, std::string("this FFmpeg was built without ") + packet.format +
                   "; install a full FFmpeg or save the picture in another format");
  AvCodecContextPtr context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  context->thread_count = 1;  // FfmpegMessages needs it; one picture gains nothing from more
  // The header's size has passed the limits; FFmpeg's own frames are padded to whole blocks.
  constexpr std::int64_t kPadding = 128;  // pixels
  context->max_pixels = (kPadding + packet.width) * (kPadding + packet.height);
  // The transform of libjpeg ("islow"), so that samples come out as Pillow's.
  context->idct_algo = FF_IDCT_INT;
  if (const int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    fail(name,
         "FFmpeg can't start its decoder: " + ffmpeg_error(code) + "; check the installation");
  return context;
}

}  // namespace

StillFrame decode_still(const StillPacket& still, const std::string& name) {
  FfmpegMessages messages;
  const AvCodecContextPtr context = open_decoder(still, name);
  const AvPacketPtr packet(av_packet_alloc());
  AvFramePtr frame(av_frame_alloc());
  if (!packet || !frame) throw std::bad_alloc();
  packet->data = still.data;
  packet->size = static_cast<int>(still.size);
  packet->flags = AV_PKT_FLAG_KEY;
  int code = avcodec_send_packet(context.get(), packet.get());
  if (code >= 0) code = avcodec_send_packet(context.get(), nullptr);  // no further data
  if (code >= 0) code = avcodec_receive_frame(context.get(), frame.get());
  if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (code < 0) frame.reset();
  return {std::move(frame), messages.first_error()};
}

}  // namespace pandagpt
