// Letters of file names, extensions and keys.
#pragma once

#include <string>
#include <string_view>

namespace pandagpt {

/// ASCII letters in lower case; other bytes stay as they are.
inline std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace pandagpt
