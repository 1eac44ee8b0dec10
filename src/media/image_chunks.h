// Walks over the blocks that picture files are made of. Each walker calls `visit` for every block
// in order and stops when it returns false. OutOfBytes leaves when the file ends inside a block.
#pragma once

#include <cstring>
#include <string>

#include "media/byte_reader.h"

namespace pandagpt {

// --- JPEG: ISO/IEC 10918-1, annex B ----------------------------------------------------------

namespace jpeg {
inline constexpr std::uint8_t kEoi = 0xD9;
inline constexpr std::uint8_t kSos = 0xDA;
inline constexpr std::uint8_t kApp0 = 0xE0;
inline constexpr std::uint8_t kApp1 = 0xE1;
inline constexpr std::uint8_t kApp14 = 0xEE;
inline constexpr std::uint8_t kApp15 = 0xEF;
inline constexpr std::uint8_t kComment = 0xFE;

/// Start of frame: size and components. C4, C8 and CC are other tables.
inline bool is_sof(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}
inline bool is_restart(std::uint8_t marker) {
  return marker >= 0xD0 && marker <= 0xD7;
}
}  // namespace jpeg

struct JpegSegment {
  std::uint8_t marker;
  ByteView whole;    ///< from the 0xFF on; for SOS with the entropy-coded data behind it
  ByteView payload;  ///< after the two length bytes, without entropy-coded data
};

/// The file ends in a scan's entropy-coded data; the SOS segment starts at begin().
class OutOfScan : public OutOfBytes {
 public:
  explicit OutOfScan(std::size_t begin) : begin_(begin) {}
  std::size_t begin() const { return begin_; }

 private:
  std::size_t begin_;
};

/// Offset of the next marker's 0xFF at or after `at`; restart markers belong to the scan.
inline std::size_t next_jpeg_marker(const ByteReader& file, std::size_t at) {
  for (;; ++at) {
    const ByteView rest = file.view(at, at < file.size() ? file.size() - at : 1);
    const void* found = std::memchr(rest.data(), 0xFF, rest.size());
    if (found == nullptr) throw OutOfBytes();
    at += static_cast<const std::uint8_t*>(found) - rest.data();
    const std::uint8_t code = file.u8(at + 1);
    if (code != 0x00 && code != 0xFF && !jpeg::is_restart(code)) return at;
  }
}

/// From after SOI to EOI, which is visited too.
template <typename Visit>
void for_each_jpeg_segment(const ByteReader& file, Visit visit) {
  std::size_t at = 2;
  while (true) {
    at = next_jpeg_marker(file, at);
    const std::uint8_t marker = file.u8(at + 1);
    if (marker == jpeg::kEoi) {
      visit(JpegSegment{marker, file.view(at, 2), {}});
      return;
    }
    const std::size_t length = file.u16(at + 2);
    if (length < 2) throw OutOfBytes();
    std::size_t end = at + 2 + length;
    const ByteView payload = file.view(at + 4, length - 2);
    if (marker == jpeg::kSos) {
      try {
        end = next_jpeg_marker(file, end);
      } catch (const OutOfBytes&) {
        throw OutOfScan(at);
      }
    }
    if (!visit(JpegSegment{marker, file.view(at, end - at), payload})) return;
    at = end;
  }
}

// --- PNG and WebP ------------------------------------------------------------------------------

struct Chunk {
  std::string type;  ///< four characters
  ByteView whole;
  ByteView payload;
};

/// From after the signature to IEND or the end of the file; IEND itself carries nothing and may be
/// missing, as Pillow allows too.
template <typename Visit>
void for_each_png_chunk(const ByteReader& file, Visit visit) {
  std::size_t at = 8;
  while (at + 8 <= file.size() && !file.matches(at + 4, "IEND")) {
    const std::size_t length = file.u32(at);
    const ByteView type = file.view(at + 4, 4);
    const Chunk chunk{
        {type.begin(), type.end()}, file.view(at, length + 12), file.view(at + 8, length)};
    if (!visit(chunk)) return;
    at += length + 12;
  }
}

/// RIFF chunks from `at` to the end of `file`.
template <typename Visit>
void for_each_riff_chunk(const ByteReader& file, std::size_t at, Visit visit) {
  while (at + 8 <= file.size()) {
    const std::size_t length = file.u32(at + 4);
    const ByteView type = file.view(at, 4);
    const Chunk chunk{
        {type.begin(), type.end()}, file.view(at, length + 8), file.view(at + 8, length)};
    if (!visit(chunk)) return;
    at += 8 + length + length % 2;
  }
}

// --- GIF ---------------------------------------------------------------------------------------

/// Up to the end of the first picture.
struct GifFirstFrame {
  std::size_t tables_end = 0;  ///< end of the header with its colour table
  std::size_t descriptor = 0;  ///< offset of the image descriptor (0x2C)
  std::size_t end = 0;         ///< after the picture's last data block
  int transparent_index = -1;  ///< from its graphic control extension
};

/// `with_data`: also walk over the picture's data (`end` is 0 otherwise).
inline GifFirstFrame find_gif_frame(const ByteReader& file, bool with_data) {
  constexpr std::uint8_t kExtension = 0x21;
  constexpr std::uint8_t kDescriptor = 0x2C;
  constexpr std::uint8_t kControlLabel = 0xF9;
  const auto table_bytes = [](std::uint8_t flags) -> std::size_t {
    return (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 7) + 1) : 0;
  };
  const auto skip_blocks = [&](std::size_t at) {
    while (const std::size_t length = file.u8(at))
      at += 1 + length;
    return at + 1;
  };
  GifFirstFrame frame;
  std::size_t at = frame.tables_end = 13 + table_bytes(file.u8(10));
  while (file.u8(at) == kExtension) {
    if (file.u8(at + 1) == kControlLabel && file.u8(at + 2) >= 4 && (file.u8(at + 3) & 1) != 0)
      frame.transparent_index = file.u8(at + 6);
    at = skip_blocks(at + 2);
  }
  if (file.u8(at) != kDescriptor) throw OutOfBytes();
  frame.descriptor = at;
  if (with_data) frame.end = skip_blocks(at + 10 + table_bytes(file.u8(at + 9)) + 1);
  return frame;
}

}  // namespace pandagpt
