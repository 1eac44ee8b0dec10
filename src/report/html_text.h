// Text and data of any origin inside HTML and SVG.
#pragma once

#include <string>
#include <string_view>

#include "core/file.h"

namespace pandagpt {

/// `text` for the content of an element or a quoted attribute: & < > " ' become references, control
/// characters spaces (XML allows few of them), bytes that are no UTF-8 U+FFFD.
std::string escape_html(std::string_view text);

/// "data:TYPE;base64,..": a file inside a page.
std::string data_uri(std::string_view media_type, ByteView bytes);

/// "file:///..": an absolute path as an address, whatever its bytes are.
std::string file_uri(const std::filesystem::path& path);

}  // namespace pandagpt
