// A picture file -> exactly the bytes that its decoder needs.
#pragma once

#include <array>

#include "core/file.h"
#include "media/image_info.h"
#include "media/pixels.h"

namespace pandagpt {

struct ImagePacket {
  Bytes bytes;                ///< followed by AV_INPUT_BUFFER_PADDING_SIZE zero bytes
  std::size_t size = 0;       ///< without the padding
  std::uint32_t frame_x = 0;  ///< where the decoded frame lies on the canvas (GIF, WebP), pixels
  std::uint32_t frame_y = 0;
  std::array<std::uint8_t, 3> background{};  ///< RGB of the canvas around the frame
  YuvRule yuv_rule = YuvRule::kJpeg;
  std::size_t transform_at = 0;  ///< JPEG: offset of the Adobe segment's colour transform, or 0
  bool end_missing = false;      ///< no end marker: whole only if the decoder has no complaint
};

/// Keeps pixel data and drops the rest (metadata, further frames, colour profiles), so that nothing
/// in those can cost memory or change the result. Checks that the pixel data is complete.
/// Throws OutOfBytes when the file ends too early.
ImagePacket make_image_packet(ByteView bytes, const ImageInfo& info);

}  // namespace pandagpt
