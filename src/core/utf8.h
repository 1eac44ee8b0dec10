// UTF-8: judging text that comes out of files, and its code points.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pandagpt {

/// Whether `text` is UTF-8 without control characters, which could rewrite a terminal that a
/// message is shown on.
bool is_printable_utf8(std::string_view text);

/// Length of the sequence at the start of `text`, or 0 if there is none (RFC 3629: no overlong
/// forms, surrogates or code points above U+10FFFF).
std::size_t utf8_length(std::string_view text);

/// What stands for bytes that are no valid sequence.
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// Code points of `text`; each malformed sequence becomes kReplacementCharacter (as many as in
/// Python's decoder).
std::u32string decode_utf8(std::string_view text);
std::string encode_utf8(std::u32string_view text);

}  // namespace pandagpt
