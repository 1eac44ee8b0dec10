#include "encoders/text/html_entities.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/utf8.h"
#include "encoders/text/code_pages.h"
#include "encoders/text/html_entity_table.h"

namespace pandagpt {
namespace {

constexpr std::size_t kNotFound = std::u32string_view::npos;

// --- Numbers -----------------------------------------------------------------------------------

bool is_ascii_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}
bool is_hex_digit(char32_t c) {
  return is_ascii_digit(c) || (c >= U'a' && c <= U'f') || (c >= U'A' && c <= U'F');
}
bool is_ascii_letter(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}

/// Controls and non-characters, which a reference can't name.
bool is_dropped(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

/// The text that a numeric reference stands for (HTML 5, "numeric character reference end state").
std::u32string character_of_number(std::uint32_t number) {
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
    return {kReplacementCharacter};
  if (number >= 0x80 && number <= 0x9F)  // taken for Windows-1252
    return {decode_byte(CodePage::kWindows1252, static_cast<std::uint8_t>(number))};
  if (is_dropped(number)) return {};
  return {static_cast<char32_t>(number)};
}

/// A reference in a text: what it takes there and what it gives.
struct Reference {
  std::size_t length;  ///< code points, with the ampersand
  std::u32string text;
};

/// `text` starts with "&#".
std::optional<Reference> read_number(std::u32string_view text) {
  const bool hex = text.size() > 2 && (text[2] == U'x' || text[2] == U'X');
  const std::size_t begin = hex ? 3 : 2;
  std::size_t at = begin;
  std::uint32_t number = 0;
  constexpr std::uint32_t kTooLarge = 0x110000;
  for (; at < text.size() && (hex ? is_hex_digit(text[at]) : is_ascii_digit(text[at])); ++at) {
    const char32_t c = text[at];
    const std::uint32_t digit = is_ascii_digit(c) ? c - U'0' : (c | 0x20) - U'a' + 10;
    number = std::min(number * (hex ? 16 : 10) + digit, kTooLarge);
  }
  if (at == begin) return std::nullopt;
  if (at < text.size() && text[at] == U';') ++at;
  return Reference{at, character_of_number(number)};
}

// --- Names -------------------------------------------------------------------------------------

const HtmlEntity* find_entity(std::u32string_view name) {
  std::string bytes;
  for (const char32_t c : name) {
    if (!is_ascii_letter(c) && !is_ascii_digit(c)) return nullptr;
    bytes += static_cast<char>(c);
  }
  const auto found =
      std::ranges::lower_bound(kHtmlEntities, std::string_view(bytes), {}, &HtmlEntity::name);
  return found != kHtmlEntities.end() && found->name == bytes ? &*found : nullptr;
}

/// `text` starts with "&" and a name. The longest name of the table counts; what follows it stays.
std::optional<Reference> read_name(std::u32string_view text) {
  constexpr std::size_t kLongestName = 32;
  constexpr std::u32string_view kEndsName = U"\t\n\f <&#;";
  const std::size_t end =
      std::min(std::min(text.find_first_of(kEndsName, 1), text.size()), kLongestName + 1);
  const std::u32string_view name = text.substr(1, end - 1);
  if (end < text.size() && text[end] == U';') {
    const HtmlEntity* entity = find_entity(name);
    if (entity != nullptr && entity->kind != HtmlEntityKind::kShouted)
      return Reference{end + 1, std::u32string(entity->text)};
  }
  for (std::size_t length = name.size(); length >= 2; --length) {
    const HtmlEntity* entity = find_entity(name.substr(0, length));
    if (entity != nullptr && entity->kind == HtmlEntityKind::kBareToo)
      return Reference{1 + length, std::u32string(entity->text)};
  }
  return std::nullopt;
}

/// As the expression &#?[0-9A-Za-z]{1,24}; finds them.
std::optional<Reference> read_strictly(std::u32string_view text) {
  constexpr std::size_t kLongestBody = 24;
  const bool number = text.size() > 1 && text[1] == U'#';
  const std::size_t begin = number ? 2 : 1;
  std::size_t end = begin;
  while (end < text.size() && (is_ascii_letter(text[end]) || is_ascii_digit(text[end])))
    ++end;
  if (end == begin || end - begin > kLongestBody || end == text.size() || text[end] != U';')
    return std::nullopt;
  if (!number) {
    const HtmlEntity* entity = find_entity(text.substr(1, end - 1));
    if (entity == nullptr) return std::nullopt;
    return Reference{end + 1, std::u32string(entity->text)};
  }
  const std::optional<Reference> reference = read_number(text);
  const bool whole = reference && reference->length == end + 1;
  // ftfy takes a semicolon in the result for a sign that only a part was read.
  if (!whole || reference->text == U";") return std::nullopt;
  return reference;
}

template <typename Read>
std::u32string replace_references(const std::u32string& text, Read read) {
  const std::u32string_view view = text;
  std::u32string out;
  std::size_t at = 0;
  for (std::size_t next; (next = view.find(U'&', at)) != kNotFound;) {
    out += view.substr(at, next - at);
    const std::optional<Reference> reference = read(view.substr(next));
    out += reference ? std::u32string_view(reference->text) : view.substr(next, 1);
    at = next + (reference ? reference->length : 1);
  }
  out += view.substr(at);
  return out;
}

}  // namespace

std::u32string unescape_html(const std::u32string& text) {
  return replace_references(text, [](std::u32string_view rest) {
    return rest.size() > 1 && rest[1] == U'#' ? read_number(rest) : read_name(rest);
  });
}

std::u32string unescape_html_strictly(const std::u32string& text) {
  return replace_references(text, read_strictly);
}

}  // namespace pandagpt
