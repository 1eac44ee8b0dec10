#include "encoders/text/clean_text.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "encoders/text/html_entities.h"
#include "encoders/text/mojibake.h"
#include "encoders/text/unicode.h"

namespace pandagpt {
namespace {

// --- ftfy's smaller fixes ------------------------------------------------------------------------

constexpr std::pair<char32_t, std::u32string_view> kLigatures[] = {
    {U'Ĳ', U"IJ"},  {U'ĳ', U"ij"},  {U'ŉ', U"ʼn"}, {U'Ǳ', U"DZ"}, {U'ǲ', U"Dz"}, {U'ǳ', U"dz"},
    {U'Ǆ', U"DŽ"},  {U'ǅ', U"Dž"},  {U'ǆ', U"dž"}, {U'Ǉ', U"LJ"}, {U'ǈ', U"Lj"}, {U'ǉ', U"lj"},
    {U'Ǌ', U"NJ"},  {U'ǋ', U"Nj"},  {U'ǌ', U"nj"}, {U'ﬀ', U"ff"}, {U'ﬁ', U"fi"}, {U'ﬂ', U"fl"},
    {U'ﬃ', U"ffi"}, {U'ﬄ', U"ffl"}, {U'ﬅ', U"ſt"}, {U'ﬆ', U"st"},
};

std::u32string split_ligatures(const std::u32string& text) {
  std::u32string out;
  for (const char32_t c : text) {
    const auto* found =
        std::ranges::find(kLigatures, c, [](const auto& ligature) { return ligature.first; });
    if (found != std::end(kLigatures)) {
      out += found->second;
    } else {
      out += c;
    }
  }
  return out;
}

std::u32string unify_width(const std::u32string& text) {
  constexpr char32_t kIdeographicSpace = 0x3000;
  std::u32string out;
  for (const char32_t c : text) {
    if (c == kIdeographicSpace) {
      out += U' ';
    } else if (c >= 0xFF01 && c <= 0xFFEF) {  // the block of half and full width forms
      out += to_nfkc(c);
    } else {
      out += c;
    }
  }
  return out;
}

std::u32string uncurl_quotes(std::u32string text) {
  for (char32_t& c : text) {
    if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B)) c = U'\'';
    if (c >= 0x201C && c <= 0x201F) c = U'"';
  }
  return text;
}

std::u32string unify_line_breaks(const std::u32string& text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n') continue;
    out += c == U'\r' || c == 0x2028 || c == 0x2029 || c == 0x85 ? U'\n' : c;
  }
  return out;
}

// "ESC [ numbers and semicolons, letter": colours and the like.
std::u32string remove_terminal_escapes(const std::u32string& text) {
  constexpr char32_t kEscape = 0x1B;
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kEscape && i + 1 < text.size() && text[i + 1] == U'[') {
      std::size_t end = i + 2;
      while (end < text.size() && (text[end] == U';' || is_unicode_digit(text[end])))
        ++end;
      const char32_t last = end < text.size() ? text[end] : 0;
      if ((last >= U'a' && last <= U'z') || (last >= U'A' && last <= U'Z')) {
        i = end;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

bool is_unwanted_control(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) ||  // deprecated Arabic ones
         c == 0xFEFF ||                   // byte order mark
         (c >= 0xFFF9 && c <= 0xFFFC);    // interlinear annotations, object replacement
}

std::u32string fix_line(std::u32string line, bool unescape) {
  while (true) {
    std::u32string text = unescape ? unescape_html_strictly(line) : line;
    text = replace_c1_controls(repair_mojibake(std::move(text)));
    text = uncurl_quotes(unify_width(split_ligatures(text)));
    text = remove_terminal_escapes(unify_line_breaks(text));
    std::erase_if(text, is_unwanted_control);
    text = to_nfc(text);
    if (text == line) return line;
    line = std::move(text);
  }
}

}  // namespace

std::u32string fix_text(const std::u32string& text) {
  std::u32string out;
  bool unescape = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(U'\n', at), text.size() - 1) + 1;
    std::u32string line = text.substr(at, end - at);
    // HTML itself, whose references belong to it; so does all that follows.
    if (line.find(U'<') != std::u32string::npos) unescape = false;
    out += fix_line(std::move(line), unescape);
    at = end;
  }
  return out;
}

std::u32string clean_text(const std::u32string& text) {
  const std::u32string plain = unescape_html(unescape_html(fix_text(text)));
  std::u32string out;
  bool space = false;
  for (const char32_t c : plain) {
    if (is_white_space(c)) {
      space = true;
      continue;
    }
    if (space && !out.empty()) out += U' ';
    space = false;
    out += c;
  }
  return to_lower_case(out);
}

}  // namespace pandagpt
