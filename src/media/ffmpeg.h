// What every user of FFmpeg in this folder shares: owners of its handles, and its messages.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
}

#include <memory>
#include <string>

namespace pandagpt {

struct AvCodecContextDeleter {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct AvFrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct AvPacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
using AvCodecContextPtr = std::unique_ptr<AVCodecContext, AvCodecContextDeleter>;
using AvFramePtr = std::unique_ptr<AVFrame, AvFrameDeleter>;
using AvPacketPtr = std::unique_ptr<AVPacket, AvPacketDeleter>;

/// Gathers FFmpeg's complaints of this thread for an error line, instead of FFmpeg writing them to
/// stderr. Everything below an error goes to the debug log. The innermost one of a thread gets
/// them; codecs with threads of their own reach the debug log only.
class FfmpegMessages {
 public:
  FfmpegMessages();
  ~FfmpegMessages();
  FfmpegMessages(const FfmpegMessages&) = delete;
  FfmpegMessages& operator=(const FfmpegMessages&) = delete;

  /// The first complaint without its line end, or "".
  const std::string& first_error() const { return first_error_; }
  void add_error(const std::string& message);

 private:
  std::string first_error_;
  FfmpegMessages* outer_;
};

/// FFmpeg's words for a negative return code.
std::string ffmpeg_error(int code);

}  // namespace pandagpt
