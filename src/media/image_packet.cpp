#include "media/image_packet.h"

extern "C" {
#include <libavcodec/defs.h>
}

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "media/image_chunks.h"

namespace pandagpt {
namespace {

constexpr std::size_t kRiffHeaderBytes = 12;

void append(Bytes& bytes, const void* more, std::size_t size) {
  if (size == 0) return;
  const std::size_t at = bytes.size();
  bytes.resize(at + size);
  std::memcpy(bytes.data() + at, more, size);
}
void append(Bytes& bytes, ByteView more) {
  append(bytes, more.data(), more.size());
}
void append(Bytes& bytes, std::string_view text) {
  append(bytes, text.data(), text.size());
}

void put_u16le(Bytes& bytes, std::size_t at, std::uint32_t value) {
  bytes[at] = static_cast<std::uint8_t>(value);
  bytes[at + 1] = static_cast<std::uint8_t>(value >> 8);
}

// --- JPEG --------------------------------------------------------------------------------------

// Values of the Adobe segment.
constexpr int kTransformNone = 0;  // RGB or CMYK
constexpr int kTransformYcc = 1;
constexpr int kTransformYcck = 2;

// How the components of a JPEG are to be read, by libjpeg's rules (jdapimin.c).
struct JpegColours {
  ByteView frame;  ///< payload of the start of frame
  bool has_jfif = false;
  std::optional<int> adobe;  ///< transform of the APP14 segment
  bool progressive = false;

  int components() const { return frame.size() > 5 ? frame[5] : 0; }
  bool is_rgb() const {
    if (components() != 3 || has_jfif) return false;
    if (adobe) return *adobe == kTransformNone;
    constexpr std::size_t kFirstId = 6;
    constexpr std::size_t kComponentBytes = 3;
    return frame.size() >= kFirstId + 3 * kComponentBytes && frame[kFirstId] == 'R' &&
           frame[kFirstId + kComponentBytes] == 'G' && frame[kFirstId + 2 * kComponentBytes] == 'B';
  }
  int transform() const {
    if (components() == 4) return adobe == kTransformYcck ? kTransformYcck : kTransformNone;
    return is_rgb() ? kTransformNone : kTransformYcc;
  }
};

void note_colours(const JpegSegment& segment, JpegColours& colours) {
  const ByteReader payload(segment.payload, true);
  constexpr std::uint8_t kProgressive = 0xC2;
  if (segment.marker == jpeg::kApp0 && payload.matches(0, {"JFIF\0", 5})) colours.has_jfif = true;
  if (segment.marker == jpeg::kApp14 && payload.matches(0, "Adobe") && payload.size() >= 12)
    colours.adobe = payload.u8(11);
  if (jpeg::is_sof(segment.marker)) {
    colours.frame = segment.payload;
    colours.progressive = segment.marker == kProgressive;
  }
}

// Application segments and comments are dropped: FFmpeg would let some of them change the colours
// (comments of old video encoders) or take the picture for a field of interlaced video.
ImagePacket pack_jpeg(ByteView bytes) {
  const ByteReader file(bytes, true);
  ImagePacket packet;
  Bytes body;
  JpegColours colours;
  bool has_scan = false;
  const auto keep = [&](const JpegSegment& segment) {
    note_colours(segment, colours);
    const bool application = segment.marker >= jpeg::kApp0 && segment.marker <= jpeg::kApp15;
    if (!application && segment.marker != jpeg::kComment) append(body, segment.whole);
    has_scan = has_scan || segment.marker == jpeg::kSos;
    return true;
  };
  try {
    for_each_jpeg_segment(file, keep);
  } catch (const OutOfScan& cut) {
    // Every sample may still be there when only the end marker is lost.
    append(body, file.view(cut.begin(), file.size() - cut.begin()));
    append(body, "\xFF\xD9");
    if (colours.progressive) throw;
    has_scan = packet.end_missing = true;
  }
  if (!has_scan) throw OutOfBytes();

  append(packet.bytes, "\xFF\xD8");
  const int transform = colours.transform();
  if (colours.components() >= 3) {
    // APP14 "Adobe": 14 bytes with the length, version 100, flags, transform.
    append(packet.bytes, std::string_view("\xFF\xEE\x00\x0E"
                                          "Adobe\x00\x64\x00\x00\x00\x00",
                                          15));
    packet.transform_at = packet.bytes.size();
    packet.bytes.push_back(static_cast<std::uint8_t>(transform));
  }
  if (colours.components() == 4)
    packet.yuv_rule = transform == kTransformYcck ? YuvRule::kJpegYcck : YuvRule::kJpegCmyk;
  append(packet.bytes, body);
  return packet;
}

// --- PNG, WebP, GIF ----------------------------------------------------------------------------

// Without text and profiles, which FFmpeg would unpack without a limit.
ImagePacket pack_png(ByteView bytes) {
  const ByteReader file(bytes, true);
  ImagePacket packet;
  append(packet.bytes, file.view(0, 8));
  bool has_data = false;
  for_each_png_chunk(file, [&](const Chunk& chunk) {
    has_data = has_data || chunk.type == "IDAT";
    if (chunk.type == "IHDR" || chunk.type == "PLTE" || chunk.type == "tRNS" ||
        chunk.type == "IDAT")
      append(packet.bytes, chunk.whole);
    return true;
  });
  if (!has_data) throw OutOfBytes();
  append(packet.bytes, std::string_view("\0\0\0\0IEND\xAE\x42\x60\x82", 12));
  return packet;
}

// A plain file around the first VP8 or VP8L chunk. The alpha chunk goes: alpha is dropped anyway.
ImagePacket pack_webp(ByteView bytes) {
  constexpr std::size_t kFrameHeaderBytes = 16;  // of an ANMF chunk, before its own chunks
  const ByteReader file(bytes);
  ImagePacket packet;
  packet.yuv_rule = YuvRule::kWebp;
  ByteView data;
  const auto find_data = [&](const Chunk& chunk) {
    if (chunk.type == "VP8 " || chunk.type == "VP8L") data = chunk.whole;
    return data.empty();
  };
  file.view(8, file.u32(4));  // the whole file is there
  for_each_riff_chunk(file, kRiffHeaderBytes, [&](const Chunk& chunk) {
    if (chunk.type != "ANMF") return find_data(chunk);
    const ByteReader frame(chunk.payload);
    packet.frame_x = 2 * frame.u24(0);
    packet.frame_y = 2 * frame.u24(3);
    for_each_riff_chunk(frame, kFrameHeaderBytes, find_data);
    return false;
  });
  if (data.empty()) throw OutOfBytes();
  append(packet.bytes, file.view(0, kRiffHeaderBytes));
  append(packet.bytes, data);
  if (data.size() % 2 == 1) packet.bytes.push_back(0);
  const std::uint32_t riff_size = static_cast<std::uint32_t>(packet.bytes.size()) - 8;
  put_u16le(packet.bytes, 4, riff_size);
  put_u16le(packet.bytes, 6, riff_size >> 16);
  return packet;
}

// The first picture alone on a canvas of its own size, without its transparency: Pillow shows the
// colour that a transparent pixel has in the palette.
ImagePacket pack_gif(ByteView bytes) {
  constexpr std::size_t kDescriptorBytes = 10;
  const ByteReader file(bytes);
  const GifFirstFrame frame = find_gif_frame(file, true);
  ImagePacket packet;
  packet.frame_x = file.u16(frame.descriptor + 1);
  packet.frame_y = file.u16(frame.descriptor + 3);
  append(packet.bytes, file.view(0, frame.tables_end));
  append(packet.bytes, file.view(frame.descriptor, frame.end - frame.descriptor));
  append(packet.bytes, ";");
  put_u16le(packet.bytes, 6, file.u16(frame.descriptor + 5));
  put_u16le(packet.bytes, 8, file.u16(frame.descriptor + 7));
  for (std::size_t i = 1; i <= 4; ++i)
    packet.bytes[frame.tables_end + i] = 0;

  const bool own_table = (file.u8(frame.descriptor + 9) & 0x80) != 0;
  const std::size_t table = own_table ? frame.descriptor + kDescriptorBytes : 13;
  const std::size_t entry = table + 3 * std::max(frame.transparent_index, 0);
  const ByteView colour = file.view(entry, 3);
  std::copy(colour.begin(), colour.end(), packet.background.begin());
  return packet;
}

ImagePacket pack_whole(ByteView bytes) {
  ImagePacket packet;
  packet.bytes.reserve(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE);
  append(packet.bytes, bytes);
  return packet;
}

// FFmpeg takes missing bytes for missing row padding and would show a skewed picture.
ImagePacket pack_bmp(ByteView bytes, const ImageInfo& info) {
  constexpr std::uint32_t kCoreHeaderBytes = 12;
  constexpr std::uint32_t kRle8 = 1;
  constexpr std::uint32_t kRle4 = 2;
  const ByteReader file(bytes);
  const bool core = file.u32(14) == kCoreHeaderBytes;
  const std::uint32_t compression = core ? 0 : file.u32(30);
  if (compression != kRle8 && compression != kRle4) {
    const std::uint64_t bits = file.u16(core ? 24 : 28);
    const std::uint64_t row_bytes = (bits * info.width + 31) / 32 * 4;
    file.view(file.u32(10), row_bytes * info.height);
  }
  return pack_whole(bytes);
}

ImagePacket pack(ByteView bytes, const ImageInfo& info) {
  switch (info.format) {
    case ImageFormat::kJpeg:
      return pack_jpeg(bytes);
    case ImageFormat::kPng:
      return pack_png(bytes);
    case ImageFormat::kWebp:
      return pack_webp(bytes);
    case ImageFormat::kBmp:
      return pack_bmp(bytes, info);
    case ImageFormat::kGif:
      return pack_gif(bytes);
    case ImageFormat::kTiff:
    case ImageFormat::kHeic:  // libheif takes the file itself
    case ImageFormat::kAvif:
      break;
  }
  return pack_whole(bytes);
}

}  // namespace

ImagePacket make_image_packet(ByteView bytes, const ImageInfo& info) {
  ImagePacket packet = pack(bytes, info);
  packet.size = packet.bytes.size();
  packet.bytes.resize(packet.size + AV_INPUT_BUFFER_PADDING_SIZE);
  return packet;
}

}  // namespace pandagpt
