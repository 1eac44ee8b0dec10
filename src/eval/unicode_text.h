// The little of Unicode that the caption tokenizer needs.
#pragma once

#include <string>
#include <string_view>

namespace pandagpt {

/// UTF-8 to code points; a malformed byte becomes U+FFFD.
std::u32string decode_utf8(std::string_view text);
std::string encode_utf8(std::u32string_view text);

/// Letters of any script. Exact for ASCII, Latin, Greek and Cyrillic; elsewhere every code point
/// of the Basic Multilingual Plane outside the blocks of punctuation and symbols counts as one.
bool is_letter(char32_t c);
bool is_digit(char32_t c);  ///< ASCII digits only
bool is_space(char32_t c);

/// Lower case of ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic letters.
char32_t to_lower(char32_t c);

}  // namespace pandagpt
