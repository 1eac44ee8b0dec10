// Reading one field after another, for records and messages of robots' logs.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "media/byte_reader.h"

namespace pandagpt {

/// Every function throws OutOfBytes past the end.
class Cursor {
 public:
  explicit Cursor(ByteView bytes, bool big_endian = false)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::size_t position() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  bool at_end() const { return left() == 0; }

  std::uint8_t u8() { return take(1)[0]; }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  float f32() { return std::bit_cast<float>(u32()); }
  double f64() { return std::bit_cast<double>(u64()); }

  ByteView take(std::uint64_t length) {
    if (length > left()) throw OutOfBytes();
    const ByteView part = bytes_.subspan(at_, length);
    at_ += length;
    return part;
  }
  void skip(std::uint64_t length) { take(length); }
  ByteView rest() { return take(left()); }
  /// `length` characters.
  std::string text(std::uint64_t length) {
    const ByteView part = take(length);
    return {part.begin(), part.end()};
  }

 private:
  std::uint64_t number(std::size_t length) {
    const ByteView part = take(length);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < length; ++i)
      value |= std::uint64_t{part[big_endian_ ? length - 1 - i : i]} << (8 * i);
    return value;
  }

  ByteView bytes_;
  bool big_endian_;
  std::size_t at_ = 0;
};

}  // namespace pandagpt
