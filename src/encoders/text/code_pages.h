// The single-byte encodings by which UTF-8 is commonly misread.
#pragma once

#include <cstdint>
#include <optional>

namespace pandagpt {

enum class CodePage {
  kLatin1,
  kWindows1252,
  kWindows1251,
  kWindows1250,
  kWindows1253,
  kWindows1254,
  kWindows1257,
  kLatin2,
  kMacRoman,
  kCp437,
};

/// A byte that the page leaves undefined is what it is in Latin-1.
char32_t decode_byte(CodePage page, std::uint8_t byte);
/// The byte of a character; std::nullopt if the page has none for it.
std::optional<std::uint8_t> encode_byte(CodePage page, char32_t c);
/// Whether a byte of Windows-1252 is undefined.
bool is_undefined_in_windows_1252(std::uint8_t byte);

}  // namespace pandagpt
