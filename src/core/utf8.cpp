#include "core/utf8.h"

#include <cstdint>

namespace pandagpt {

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_printable_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    const std::size_t length = utf8_length(text.substr(i));
    const bool control = first < 0x20 || first == 0x7f ||
                         (first == 0xC2 && length == 2 &&
                          static_cast<std::uint8_t>(text[i + 1]) < 0xA0);  // U+0080 to U+009F
    if (length == 0 || control) return false;
    i += length;
  }
  return true;
}

namespace {

/// Bytes of the malformed sequence at the start of `text`: as many as could begin a valid one.
std::size_t malformed_length(std::string_view text) {
  for (const std::size_t length : {3, 2}) {
    if (text.size() < length) continue;
    std::string completed(text.substr(0, length));
    completed.append(2, '\x80');
    if (utf8_length(completed) > length) return length;
  }
  return 1;
}

}  // namespace

std::u32string decode_utf8(std::string_view text) {
  constexpr unsigned kLeadMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};  // by the length of the sequence
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    char32_t c = length == 0 ? kReplacementCharacter
                             : static_cast<std::uint8_t>(text[i]) & kLeadMask[length];
    for (std::size_t k = 1; k < length; ++k)
      c = (c << 6) | (static_cast<std::uint8_t>(text[i + k]) & 0x3F);
    out += c;
    i += length == 0 ? malformed_length(text.substr(i)) : length;
  }
  return out;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) {
    const auto put_tail = [&](int shift) {
      out += static_cast<char>(0x80 | ((c >> shift) & 0x3F));
    };
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      out += static_cast<char>(0xC0 | (c >> 6));
      put_tail(0);
    } else if (c < 0x10000) {
      out += static_cast<char>(0xE0 | (c >> 12));
      put_tail(6);
      put_tail(0);
    } else {
      out += static_cast<char>(0xF0 | (c >> 18));
      put_tail(12);
      put_tail(6);
      put_tail(0);
    }
  }
  return out;
}

}  // namespace pandagpt
