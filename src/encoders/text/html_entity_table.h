// The names of html_entities.txt as a table, generated at build time.
#pragma once

#include <span>
#include <string_view>

namespace pandagpt {

enum class HtmlEntityKind : char {
  kSemicolon = 's',  ///< "&name;" only
  kBareToo = 'b',    ///< "&name" as well
  kShouted = 'u',    ///< no HTML: a lower-case name in capitals (see unescape_html_strictly)
};

struct HtmlEntity {
  std::string_view name;  ///< without "&" and ";"
  HtmlEntityKind kind;
  std::u32string_view text;
};

/// Sorted by name.
extern const std::span<const HtmlEntity> kHtmlEntities;

}  // namespace pandagpt
