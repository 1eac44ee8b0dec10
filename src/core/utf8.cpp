#include "core/utf8.h"

#include <cstddef>
#include <cstdint>

namespace pandagpt {
namespace {

/// Length of the UTF-8 sequence at the start of `text`, or 0 if there is none (RFC 3629: no
/// overlong forms, surrogates or code points above U+10FFFF).
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

}  // namespace

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

}  // namespace pandagpt
