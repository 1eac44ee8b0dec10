// Bounds-checked reading of numbers from a buffer, for the headers of picture files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "core/file.h"

namespace pandagpt {

/// Thrown by ByteReader; the parser above turns it into "NAME: the file is truncated".
struct OutOfBytes : std::out_of_range {
  OutOfBytes() : std::out_of_range("out of bytes") {}
};

/// Reads at absolute offsets. Every function throws OutOfBytes past the end.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes, bool big_endian = false)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::size_t size() const { return bytes_.size(); }
  std::uint8_t u8(std::size_t at) const { return view(at, 1)[0]; }
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
  std::uint32_t u24(std::size_t at) const { return number(at, 3); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

  ByteView view(std::size_t at, std::size_t length) const {
    if (at > bytes_.size() || length > bytes_.size() - at) throw OutOfBytes();
    return bytes_.subspan(at, length);
  }
  /// True when the bytes at `at` are `text`; false as well when they are not there.
  bool matches(std::size_t at, std::string_view text) const {
    if (at > bytes_.size() || text.size() > bytes_.size() - at) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
      if (bytes_[at + i] != static_cast<std::uint8_t>(text[i])) return false;
    return true;
  }

 private:
  std::uint32_t number(std::size_t at, std::size_t length) const {
    const ByteView part = view(at, length);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i)
      value |= static_cast<std::uint32_t>(part[big_endian_ ? length - 1 - i : i]) << (8 * i);
    return value;
  }

  ByteView bytes_;
  bool big_endian_;
};

}  // namespace pandagpt
