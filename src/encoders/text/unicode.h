// What the text tower's tokenizer asks of Unicode, with Python's answers.
#pragma once

#include <string>

namespace pandagpt {

bool is_unicode_letter(char32_t c);  ///< general category L*
bool is_unicode_number(char32_t c);  ///< general category N*
bool is_unicode_digit(char32_t c);   ///< general category Nd
/// The property White_Space.
bool is_white_space(char32_t c);

/// str.lower(): with the dot of U+0130 kept as a combining one, and sigma by its place in the word.
std::u32string to_lower_case(const std::u32string& text);

/// unicodedata.normalize("NFC", text).
std::u32string to_nfc(const std::u32string& text);
/// unicodedata.normalize("NFKC", c).
std::u32string to_nfkc(char32_t c);

}  // namespace pandagpt
