// A small pattern language over code points (or bytes, one in each code point), enough for the
// expressions by which ftfy finds misread text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pandagpt {

/// What one place of a pattern may hold: a class, or one of the listed characters, where "a-z" is a
/// range. Classes are bits whose meaning the caller's classifier gives.
struct CharSet {
  std::uint32_t classes = 0;
  std::u32string_view listed = {};
};

/// Places one after another.
using CharPattern = std::vector<CharSet>;

inline bool is_listed(std::u32string_view listed, char32_t c) {
  for (std::size_t i = 0; i < listed.size(); ++i) {
    if (i + 2 < listed.size() && listed[i + 1] == U'-') {
      if (c >= listed[i] && c <= listed[i + 2]) return true;
      i += 2;
    } else if (c == listed[i]) {
      return true;
    }
  }
  return false;
}

/// Whether `pattern` matches at `at`; `classes` are those of each character of `text`, or empty.
inline bool matches(const CharPattern& pattern, std::u32string_view text,
                    std::span<const std::uint32_t> classes, std::size_t at) {
  if (pattern.size() > text.size() - at) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool in_class = !classes.empty() && (classes[at + i] & pattern[i].classes) != 0;
    if (!in_class && !is_listed(pattern[i].listed, text[at + i])) return false;
  }
  return true;
}

/// The first of the patterns that matches at `at`, or nullptr.
inline const CharPattern* first_match(std::span<const CharPattern> patterns,
                                      std::u32string_view text,
                                      std::span<const std::uint32_t> classes, std::size_t at) {
  for (const CharPattern& pattern : patterns)
    if (matches(pattern, text, classes, at)) return &pattern;
  return nullptr;
}

}  // namespace pandagpt
