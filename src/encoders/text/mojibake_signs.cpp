#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "encoders/text/char_pattern.h"
#include "encoders/text/mojibake.h"
#include "encoders/text/unicode.h"

namespace pandagpt {
namespace {

// --- Kinds of characters that misread UTF-8 is made of -------------------------------------------

enum Kind : std::uint32_t {
  kCommon = 1U << 0,  ///< in many contexts, also in good text
  kC1 = 1U << 1,
  kBad = 1U << 2,  ///< nearly only in mojibake
  kLaw = 1U << 3,
  kCurrency = 1U << 4,
  kOpening = 1U << 5,
  kClosing = 1U << 6,
  kNumeric = 1U << 7,
  kKaomoji = 1U << 8,  ///< letters of faces made of text
  kUpperAccented = 1U << 9,
  kLowerAccented = 1U << 10,
  kUpperCommon = 1U << 11,
  kLowerCommon = 1U << 12,
  kBox = 1U << 13,
  // Not of mojibake:
  kAsciiLower = 1U << 14,
  kAsciiUpper = 1U << 15,
  kNoAsciiLetter = 1U << 16,
  kSpace = 1U << 17,
  kWord = 1U << 18,
  kNoNewline = 1U << 19,
};
constexpr std::uint32_t kAccented = kUpperAccented | kLowerAccented;
constexpr std::uint32_t kAsciiLetter = kAsciiLower | kAsciiUpper;

constexpr std::pair<std::uint32_t, std::u32string_view> kMembers[] = {
    {kCommon, U"\u00A0\u00AD·´–—―…’"},
    {kC1, U"\x80-\x9F"},
    {kBad, U"¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\uFFFDªº"},
    {kLaw, U"¶§"},
    {kCurrency, U"¢£¥₧€"},
    {kOpening, U"¡«¿©΄΅‘‚“„•‹\uF8FF"},
    {kClosing, U"®»˝”›™"},
    {kNumeric, U"²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"},
    {kKaomoji, U"Ò-ÖÙ-Üò-öø-üŐŌŪŲ°"},
    {kUpperAccented, U"À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"},
    {kLowerAccented, U"ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ"},
    {kUpperCommon, U"ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я"},
    {kLowerCommon, U"α-ωάέήίΰа-џ"},
    {kBox, U"│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓"},
};

std::unordered_map<char32_t, std::uint32_t> collect_kinds() {
  std::unordered_map<char32_t, std::uint32_t> kinds;
  for (const auto& [kind, members] : kMembers) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      const bool range = i + 2 < members.size() && members[i + 1] == U'-';
      const char32_t last = range ? members[i + 2] : members[i];
      for (char32_t c = members[i]; c <= last; ++c)
        kinds[c] |= kind;
      if (range) i += 2;
    }
  }
  return kinds;
}

std::uint32_t kinds_of(char32_t c) {
  static const std::unordered_map<char32_t, std::uint32_t> kKinds = collect_kinds();
  const auto found = kKinds.find(c);
  std::uint32_t kinds = found == kKinds.end() ? 0 : found->second;
  if (c >= U'a' && c <= U'z') kinds |= kAsciiLower;
  if (c >= U'A' && c <= U'Z') kinds |= kAsciiUpper;
  if ((kinds & kAsciiLetter) == 0) kinds |= kNoAsciiLetter;
  // Python's \s, which has four separators of ASCII more than White_Space.
  if (is_white_space(c) || (c >= 0x1C && c <= 0x1F)) kinds |= kSpace;
  if (c == U'_' || is_unicode_letter(c) || is_unicode_number(c)) kinds |= kWord;
  if (c != U'\n') kinds |= kNoNewline;
  return kinds;
}

// --- Sequences that are signs of mojibake --------------------------------------------------------

// Kinds that don't usually stand side by side.
std::vector<CharPattern> unlikely_neighbours() {
  constexpr std::uint32_t kMany =
      kAccented | kBox | kOpening | kClosing | kCurrency | kNumeric | kLaw;
  return {
      {{kC1}},
      {{kBad | kMany}, {kBad}},
      {{kAsciiLetter}, {kLowerCommon | kUpperCommon}, {kBad}},
      {{kBad}, {kMany}},
      {{kLowerAccented | kLowerCommon | kBox | kClosing | kCurrency | kNumeric}, {kUpperAccented}},
      {{kBox | kClosing | kCurrency | kNumeric}, {kLowerAccented}},
      {{kLowerAccented | kBox | kClosing}, {kCurrency}},
      {{kSpace}, {kUpperAccented}, {kCurrency}},
      {{kUpperAccented | kBox}, {kNumeric | kLaw}},
      {{kAccented | kBox | kCurrency | kClosing}, {kOpening}, {kNumeric}},
      {{kAccented | kCurrency | kNumeric | kBox | kLaw}, {kClosing}, {kOpening}},
      {{kCurrency | kNumeric | kBox}, {kOpening}},
      {{kAsciiLower}, {kUpperAccented}, {kOpening | kCurrency}},
      {{kBox}, {kKaomoji}},
      {{kAccented | kCurrency | kNumeric | kOpening | kClosing | kLaw}, {kBox}},
      {{kBox}, {kClosing}},
      {{kAccented}, {kOpening | kClosing}, {kWord}},
  };
}

// What certain characters become in certain encodings.
std::vector<CharPattern> known_sequences() {
  const CharSet arabic_lead{0, U"ØÙ"};
  const CharSet arabic_tail{kCommon | kCurrency | kBad | kNumeric | kOpening, U"ŸŠ®°µ»"};
  const CharSet cyrillic{0, U"ВГРС"};
  const CharSet greek{0, U"ΒΓΞΟ"};
  constexpr std::uint32_t kSigns = kC1 | kBad | kOpening | kClosing | kCurrency;
  return {
      {{0, U"Œœ"}, {kNoAsciiLetter}},
      {{kUpperAccented}, {0, U"°"}},
      // Windows-1252
      {{0, U"ÂÃÎÐ"}, {kOpening | kClosing, U"€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´"}},
      {{0, U"×"}, {0, U"²³"}},
      {arabic_lead, arabic_tail, arabic_lead, arabic_tail},
      {{0, U"à"}, {0, U"²µ¹¼½¾"}},
      {{0, U"Ã"}, {0, U"\u00A0¡"}},
      {{kAsciiLower}, {0, U"ÃÂ"}, {0, U" "}},
      {{kAsciiLower}, {kSpace}, {0, U"ÃÂ"}, {0, U" "}},
      {{kAsciiLower | kClosing, U".,?!"}, {0, U"Â"}, {kOpening | kClosing, U" "}},
      // Mac Roman
      {{0, U"√"}, {0, U"±∂†≠®™´≤≥¥µø"}},
      {{0, U"≈"}, {0, U"°¢"}},
      {{0, U"‚"}, {0, U"Ä"}, {0, U"ìîïòôúùû†°¢π"}},
      {{0, U"‚"}, {0, U"âó"}, {0, U"àä°ê"}},
      // Windows-1251
      {{0, U"в"}, {0, U"Ђ"}},
      {cyrillic, {kSigns, U"°µ"}, cyrillic},
      {{0, U"Г"}, {0, U"ў"}, {0, U"В"}, {0, U"Ђ"}, {0, U"В"}, {kNoNewline}, {kAsciiLetter, U" "}},
      // Windows-1253
      {{0, U"β"}, {0, U"€"}, {0, U"™\u00A0Ά\u00AD®°"}},
      {greek, {kSigns, U"°"}, greek},
      // Windows-1257
      {{0, U"ā"}, {0, U"€"}},
  };
}

}  // namespace

bool looks_like_mojibake(const std::u32string& text) {
  static const std::vector<CharPattern> kNeighbours = unlikely_neighbours();
  static const std::vector<CharPattern> kSequences = known_sequences();
  static const CharPattern kAtStart = {{0, U"ÃÂ"}, {0, U" "}};
  std::vector<std::uint32_t> kinds(text.size());
  std::ranges::transform(text, kinds.begin(), kinds_of);
  if (matches(kAtStart, text, kinds, 0)) return true;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (first_match(kNeighbours, text, kinds, at) != nullptr ||
        first_match(kSequences, text, kinds, at) != nullptr)
      return true;
  return false;
}

}  // namespace pandagpt
