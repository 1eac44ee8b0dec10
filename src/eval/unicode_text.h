// The little of Unicode that the caption tokenizer needs.
#pragma once

namespace pandagpt {

/// Letters of any script. Exact for ASCII, Latin, Greek and Cyrillic; elsewhere every code point
/// of the Basic Multilingual Plane outside the blocks of punctuation and symbols counts as one.
bool is_letter(char32_t c);
bool is_digit(char32_t c);  ///< ASCII digits only
bool is_space(char32_t c);

/// Lower case of ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic letters.
char32_t to_lower(char32_t c);

}  // namespace pandagpt
