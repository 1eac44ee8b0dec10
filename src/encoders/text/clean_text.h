// The cleaning that CLIP's tokenizer begins with.
#pragma once

#include <string>

namespace pandagpt {

/// ftfy.fix_text with its defaults: HTML references (unless the text has a "<"), mojibake, C1
/// controls, Latin ligatures, full and half width, curly quotes, line breaks, terminal escapes,
/// control characters, NFC; again and again until nothing changes. Line by line.
std::u32string fix_text(const std::u32string& text);

/// basic_clean, whitespace_clean and lower() of SimpleTokenizer (multimodal_preprocessors.py).
std::u32string clean_text(const std::u32string& text);

}  // namespace pandagpt
