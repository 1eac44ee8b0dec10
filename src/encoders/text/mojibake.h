// Mojibake: text that was written as UTF-8 and read as some single-byte encoding ("sÃ³" for "só").
//
// The rules are those of ftfy 6.3 (Robyn Speer, Apache-2.0; badness.py, chardata.py, fixes.py),
// which CLIP's tokenizer calls first: only the same rules give the same tokens.
#pragma once

#include <string>

namespace pandagpt {

/// ftfy.badness.is_bad: whether the text has sequences that hardly occur outside of mojibake.
bool looks_like_mojibake(const std::u32string& text);

/// ftfy.fix_encoding: undoes the misreading, as often as it was done; other text stays.
std::u32string repair_mojibake(std::u32string text);

/// ftfy.fixes.fix_c1_controls: U+0080 to U+009F become what Windows-1252 has there.
std::u32string replace_c1_controls(std::u32string text);

}  // namespace pandagpt
