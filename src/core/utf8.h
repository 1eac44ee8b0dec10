// Judging text that comes out of files.
#pragma once

#include <string_view>

namespace pandagpt {

/// Whether `text` is UTF-8 without control characters, which could rewrite a terminal that a
/// message is shown on.
bool is_printable_utf8(std::string_view text);

}  // namespace pandagpt
