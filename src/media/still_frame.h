// One compressed picture -> one frame of FFmpeg.
#pragma once

#include <string>

#include "core/file.h"
#include "media/ffmpeg.h"

namespace pandagpt {

/// A picture as a decoder takes it.
struct StillPacket {
  AVCodecID codec = AV_CODEC_ID_NONE;
  const char* format = "";       ///< name for messages: "PNG"
  std::uint8_t* data = nullptr;  ///< followed by AV_INPUT_BUFFER_PADDING_SIZE zero bytes
  std::size_t size = 0;
  std::uint32_t width = 0;   ///< by the header, pixels; more is refused
  std::uint32_t height = 0;  ///< likewise
};

struct StillFrame {
  AvFramePtr frame;       ///< null when nothing could be decoded
  std::string complaint;  ///< the decoder's first one, or ""
};

/// Throws Error(kInput) when this FFmpeg has no such decoder, std::bad_alloc.
StillFrame decode_still(const StillPacket& packet, const std::string& name);

}  // namespace pandagpt
