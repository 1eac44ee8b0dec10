// HTML character references -> characters.
#pragma once

#include <string>

namespace pandagpt {

/// Python's html.unescape, which follows HTML 5: "&eacute;", "&#233;", "&#xE9;", and the older
/// names also without a semicolon ("&copy 2020", and even "&copyright").
std::u32string unescape_html(const std::u32string& text);

/// ftfy's fixes.unescape_html: only references with a semicolon, but names of lower-case entities
/// also in capitals ("&EACUTE;").
std::u32string unescape_html_strictly(const std::u32string& text);

}  // namespace pandagpt
