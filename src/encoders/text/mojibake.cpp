#include "encoders/text/mojibake.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/utf8.h"
#include "encoders/text/char_pattern.h"
#include "encoders/text/code_pages.h"

namespace pandagpt {
namespace {

// Bytes are handled as code points 0 to 255, so that one kind of pattern serves both.
using ByteText = std::u32string;

// Stands in a sloppily encoded text for U+FFFD, a character that was lost.
constexpr char32_t kLostByte = 0x1A;

// --- One misreading, undone ----------------------------------------------------------------------

struct Encoding {
  CodePage page;
  bool sloppy;  ///< has a byte for U+FFFD, and hence none for U+001A
};

// In the order in which they are tried.
constexpr Encoding kEncodings[] = {
    {CodePage::kLatin1, false},     {CodePage::kWindows1252, true}, {CodePage::kWindows1251, true},
    {CodePage::kWindows1250, true}, {CodePage::kWindows1253, true}, {CodePage::kWindows1254, true},
    {CodePage::kWindows1257, true}, {CodePage::kLatin2, false},     {CodePage::kMacRoman, false},
    {CodePage::kCp437, false},
};

std::optional<ByteText> encode(const std::u32string& text, const Encoding& encoding) {
  ByteText bytes;
  for (const char32_t c : text) {
    if (encoding.sloppy && c == kReplacementCharacter) {
      bytes += kLostByte;
      continue;
    }
    if (encoding.sloppy && c == kLostByte) return std::nullopt;
    const std::optional<std::uint8_t> byte = encode_byte(encoding.page, c);
    if (!byte) return std::nullopt;
    bytes += *byte;
  }
  return bytes;
}

/// Strict UTF-8, and the variants of Java: two surrogates for one character, C0 80 for zero.
std::optional<std::u32string> decode(const ByteText& text) {
  const std::string bytes(text.begin(), text.end());
  const auto in = [&](std::size_t at, int low, int high) {
    const int byte = at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : -1;
    return byte >= low && byte <= high;
  };
  std::u32string out;
  for (std::size_t at = 0; at < bytes.size();) {
    if (in(at, 0xC0, 0xC0) && in(at + 1, 0x80, 0x80)) {
      out += U'\0';
      at += 2;
    } else if (in(at, 0xED, 0xED) && in(at + 1, 0xA0, 0xAF) && in(at + 2, 0x80, 0xBF) &&
               in(at + 3, 0xED, 0xED) && in(at + 4, 0xB0, 0xBF) && in(at + 5, 0x80, 0xBF)) {
      out += 0x10000 + ((text[at + 1] & 0x0F) << 16) + ((text[at + 2] & 0x3F) << 10) +
             ((text[at + 4] & 0x0F) << 6) + (text[at + 5] & 0x3F);
      at += 6;
    } else {
      const std::size_t length = utf8_length(std::string_view(bytes).substr(at));
      if (length == 0) return std::nullopt;
      out += decode_utf8(std::string_view(bytes).substr(at, length));
      at += length;
    }
  }
  return out;
}

// --- What happened to the bytes besides ----------------------------------------------------------

// "Ã " is mostly "à " whose byte A0 was merged with the space after it, unless a Portuguese
// contraction follows ("àquele", "às").
void restore_words_of_a_grave(ByteText& bytes) {
  constexpr std::u32string_view kNotAlone[] = {U" ", U"quele", U"quela", U"quilo", U"s "};
  ByteText out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += bytes[i];
    if (bytes[i] != 0xC3 || i + 1 == bytes.size() || bytes[i + 1] != U' ') continue;
    const std::u32string_view rest = std::u32string_view(bytes).substr(i + 2);
    if (std::ranges::any_of(kNotAlone, [&](auto word) { return rest.starts_with(word); })) continue;
    out += 0xA0;
  }
  bytes = std::move(out);
}

// UTF-8 with a space instead of byte A0, as far as likely characters come out.
std::vector<CharPattern> sequences_with_space() {
  const CharSet space{0, U" "};
  const CharSet tail{0, U"\x80-\xBF"};
  const CharSet clear_tail{0, U"\x80-\x84\x86-\x9F\xA1-\xBF"};
  const CharSet lead_of_4{0, U"\xF0"};
  return {
      {{0, U"\xC2\xC3\xC5\xCE\xD0\xD9"}, space},
      {{0, U"\xE2\xE3"}, space, clear_tail},
      {{0, U"\xE0-\xE3"}, clear_tail, space},
      {lead_of_4, space, tail, tail},
      {lead_of_4, tail, space, tail},
      {lead_of_4, tail, tail, space},
  };
}

void restore_spaces(ByteText& bytes) {
  static const std::vector<CharPattern> kSequences = sequences_with_space();
  const auto find = [&](std::size_t at) { return first_match(kSequences, bytes, {}, at); };
  bool any = false;
  for (std::size_t at = 0; at < bytes.size() && !any; ++at)
    any = find(at) != nullptr;
  if (!any) return;
  restore_words_of_a_grave(bytes);
  for (std::size_t at = 0; at < bytes.size();) {
    const CharPattern* found = find(at);
    const std::size_t length = found != nullptr ? found->size() : 1;
    if (found != nullptr) std::replace(&bytes[at], &bytes[at] + length, U' ', char32_t{0xA0});
    at += length;
  }
}

// UTF-8 with lost bytes; in some places "?" stands for one.
std::vector<CharPattern> sequences_with_loss() {
  const CharSet lost{0, U"\x1A"};
  const CharSet lost_or_mark{0, U"\x1A?"};
  const CharSet tail{0, U"\x1A\x80-\xBF"};
  const CharSet tail_or_mark{0, U"\x1A?\x80-\xBF"};
  const CharSet lead_of_3{0, U"\xE0-\xEF"};
  const CharSet lead_of_4{0, U"\xF0-\xF4"};
  const CharSet surrogate{0, U"\xED"};
  const CharSet high{0, U"\xA0-\xAF"};
  const CharSet low{0, U"\xB0-\xBF"};
  return {
      {{0, U"\xC2-\xDF"}, lost},
      {{0, U"\xC2\xC3"}, {0, U"?"}},
      {surrogate, high, lost_or_mark, surrogate, low, tail_or_mark},
      {surrogate, high, tail_or_mark, surrogate, low, lost_or_mark},
      {lead_of_3, lost_or_mark, tail},
      {lead_of_3, tail, lost_or_mark},
      {lead_of_4, lost_or_mark, tail, tail},
      {lead_of_4, tail, lost_or_mark, tail},
      {lead_of_4, tail, tail, lost_or_mark},
      {lost},
  };
}

// Each such sequence becomes U+FFFD.
void mark_lost_sequences(ByteText& bytes) {
  static const std::vector<CharPattern> kSequences = sequences_with_loss();
  ByteText out;
  for (std::size_t at = 0; at < bytes.size();) {
    const CharPattern* found = first_match(kSequences, bytes, {}, at);
    if (found != nullptr) {
      out += U"\xEF\xBF\xBD";
      at += found->size();
    } else {
      out += bytes[at++];
    }
  }
  bytes = std::move(out);
}

// --- A part of the text only ---------------------------------------------------------------------

enum Part : std::uint32_t {
  kFirstOfTwo = 1U << 0,
  kFirstOfThree = 1U << 1,
  kFirstOfFour = 1U << 2,
  kTail = 1U << 3,
  kStrictTail = 1U << 4,  ///< hardly stands for itself beside mojibake
};

// What a character can have been in UTF-8 before it was read in one of the encodings that are like
// Latin-1.
std::uint32_t parts_of(char32_t c) {
  constexpr CodePage kLikeLatin1[] = {
      CodePage::kLatin1,      CodePage::kWindows1252, CodePage::kWindows1251,
      CodePage::kWindows1250, CodePage::kWindows1253, CodePage::kWindows1254,
      CodePage::kWindows1257,
  };
  // Dashes, quotation marks, bullet and ellipsis.
  constexpr std::u32string_view kOftenItself = U"–—―‘’‚“”„•…";
  std::uint32_t parts = c == U' ' ? std::uint32_t{kTail} : 0;
  for (const CodePage page : kLikeLatin1) {
    const std::optional<std::uint8_t> found = encode_byte(page, c);
    if (!found) continue;
    const std::uint8_t byte = *found;
    if (byte >= 0x80 && byte <= 0xBF)
      parts |= kOftenItself.find(c) == kOftenItself.npos ? kTail | kStrictTail : kTail;
    if (byte >= 0xC2 && byte <= 0xDF) parts |= kFirstOfTwo;
    if (byte >= 0xE0 && byte <= 0xEF) parts |= kFirstOfThree;
    if (byte == 0xF0 || byte == 0xF3) parts |= kFirstOfFour;
  }
  return parts;
}

/// Length of the run of sequences that look like UTF-8 at `at`, in characters.
std::size_t run_length(const std::u32string& text, std::span<const std::uint32_t> parts,
                       std::size_t at) {
  static const std::vector<CharPattern> kSequences = {
      {{kFirstOfTwo}, {kTail}},
      {{kFirstOfThree}, {kTail}, {kTail}},
      {{kFirstOfFour}, {kTail}, {kTail}, {kTail}},
  };
  if (at > 0 && (parts[at - 1] & kStrictTail) != 0) return 0;
  std::size_t end = at;
  while (const CharPattern* found = first_match(kSequences, text, parts, end))
    end += found->size();
  return end - at;
}

std::u32string repair_parts(const std::u32string& text) {
  std::vector<std::uint32_t> parts(text.size());
  std::ranges::transform(text, parts.begin(), parts_of);
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = run_length(text, parts, at);
    const std::u32string part = text.substr(at, std::max<std::size_t>(length, 1));
    const bool repair = length > 0 && length < text.size() && looks_like_mojibake(part);
    out += repair ? repair_mojibake(part) : part;
    at += part.size();
  }
  return out;
}

// --- All together --------------------------------------------------------------------------------

std::optional<std::u32string> undo(const std::u32string& text, const Encoding& encoding) {
  std::optional<ByteText> bytes = encode(text, encoding);
  if (!bytes) return std::nullopt;
  if (encoding.page != CodePage::kMacRoman) restore_spaces(*bytes);
  if (encoding.sloppy) mark_lost_sequences(*bytes);
  return decode(*bytes);
}

/// Latin-1 that was meant to be Windows-1252.
std::optional<std::u32string> read_as_windows_1252(const std::u32string& text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c > 0xFF || is_undefined_in_windows_1252(static_cast<std::uint8_t>(c))) return std::nullopt;
    out += decode_byte(CodePage::kWindows1252, static_cast<std::uint8_t>(c));
  }
  return out;
}

std::u32string repair_once(const std::u32string& text) {
  const bool ascii = std::ranges::all_of(text, [](char32_t c) { return c < 0x80; });
  if (ascii || !looks_like_mojibake(text)) return text;
  for (const Encoding& encoding : kEncodings)
    if (std::optional<std::u32string> fixed = undo(text, encoding)) return *std::move(fixed);
  if (std::u32string fixed = repair_parts(text); fixed != text) return fixed;
  if (std::optional<std::u32string> fixed = read_as_windows_1252(text); fixed && *fixed != text)
    return *std::move(fixed);
  return replace_c1_controls(text);
}

}  // namespace

std::u32string repair_mojibake(std::u32string text) {
  while (true) {
    std::u32string fixed = repair_once(text);
    if (fixed == text) return text;
    text = std::move(fixed);
  }
}

std::u32string replace_c1_controls(std::u32string text) {
  for (char32_t& c : text)
    if (c >= 0x80 && c <= 0x9F)
      c = decode_byte(CodePage::kWindows1252, static_cast<std::uint8_t>(c));
  return text;
}

}  // namespace pandagpt
