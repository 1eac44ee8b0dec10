#include "media/table_encoding.h"

#include <algorithm>
#include <string_view>

#include "core/text_file.h"
#include "core/utf8.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

bool has_utf16_mark(ByteView bytes) {
  const bool little = bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xFE;
  const bool big = bytes.size() >= 2 && bytes[0] == 0xFE && bytes[1] == 0xFF;
  const bool is_utf32 = little && bytes.size() >= 4 && bytes[2] == 0 && bytes[3] == 0;
  return (little || big) && !is_utf32;
}

Bytes from_utf16(ByteView bytes) {
  const bool little = bytes[0] == 0xFF;
  std::u32string points;
  points.reserve(bytes.size() / 2);
  for (std::size_t i = 2; i + 1 < bytes.size(); i += 2) {
    const auto unit =
        static_cast<char32_t>(little ? bytes[i] | bytes[i + 1] << 8 : bytes[i] << 8 | bytes[i + 1]);
    const bool is_surrogate = unit >= 0xD800 && unit <= 0xDFFF;
    points += is_surrogate ? kReplacementCharacter : unit;  // in no number and no unit
  }
  const std::string text = encode_utf8(points);
  return {text.begin(), text.end()};
}

std::string_view view_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Text but for a few bytes, which are characters of Latin-1.
bool is_latin1(ByteView bytes) {
  constexpr std::size_t kOthersAtMost = 64;  // of bytes, one
  std::size_t others = 0;
  for (const std::uint8_t byte : bytes) {
    const bool is_control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') ||
                            (byte >= 0x7F && byte < 0xA0);
    if (is_control) return false;
    others += byte >= 0xA0;
  }
  return others * kOthersAtMost <= bytes.size() + kOthersAtMost;
}

Bytes from_latin1(ByteView bytes) {
  Bytes out;
  out.reserve(bytes.size() + bytes.size() / 64);
  for (const std::uint8_t byte : bytes) {
    if (byte >= 0x80) out.push_back(static_cast<std::uint8_t>(0xC0 | byte >> 6));
    out.push_back(byte >= 0x80 ? static_cast<std::uint8_t>(0x80 | (byte & 0x3F)) : byte);
  }
  return out;
}

void check_printable(std::string_view text, const std::string& name) {
  constexpr std::size_t kLookedAt = 4096;
  std::string head(text.substr(0, kLookedAt));
  std::erase_if(head, [](char c) { return c == '\n' || c == '\t'; });
  const bool cut_inside_character = text.size() > kLookedAt;
  while (cut_inside_character && !head.empty() && (head.back() & 0x80) != 0)
    head.pop_back();
  if (!is_printable_utf8(head)) fail(name, "no text; give a table of numbers (CSV)");
}

}  // namespace

std::string table_text(ByteView bytes, const std::string& name) {
  Bytes converted;
  if (has_utf16_mark(bytes))
    converted = from_utf16(bytes);
  else if (!find_bad_utf8(view_of(bytes)).empty() && is_latin1(bytes))
    converted = from_latin1(bytes);
  std::string text = text_of(converted.empty() ? bytes : ByteView(converted), name);
  check_printable(text, name);
  return text;
}

}  // namespace pandagpt
