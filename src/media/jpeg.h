// JPEG through libjpeg(-turbo), the library behind Pillow, when the build has found it.
//
// FFmpeg's own decoder rounds its inverse DCT differently, which shows as one to three levels in a
// few per cent of the samples; after a resize that is up to four levels. With libjpeg the pixels
// are Pillow's own.
#pragma once

#include <optional>
#include <string>

#include "media/image_packet.h"

namespace pandagpt {

/// True when this build decodes JPEG files with libjpeg; else FFmpeg does it.
bool has_libjpeg();

/// Decodes what make_image_packet() made of a JPEG. `complaint` gets the library's first warning.
/// std::nullopt when nothing could be decoded, with the reason in `complaint`. Only called when
/// has_libjpeg().
std::optional<Image> decode_with_libjpeg(const ImagePacket& packet, std::string& complaint);

}  // namespace pandagpt
