#include "eval/caption_tokenizer.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/utf8.h"
#include "eval/caption_words.h"
#include "eval/unicode_text.h"

namespace pandagpt {
namespace {

using Text = std::u32string_view;
constexpr char32_t kNoBreakSpace = 0xA0;

struct Rewrite {
  char32_t from;
  const char* to;
};
/// Characters that come out as another token. An empty string takes the character away.
constexpr Rewrite kRewrites[] = {
    {U'(', "-lrb-"},
    {U')', "-rrb-"},
    {U'[', "-lsb-"},
    {U']', "-rsb-"},
    {U'{', "-lcb-"},
    {U'}', "-rcb-"},
    {0x20AC, "$"},
    {0xA3, "#"},
    {0xA2, "cents"},
    {0xBD, "1/2"},
    {0xBC, "1/4"},
    {0xBE, "3/4"},
    {0x2153, "1/3"},
    {0x2154, "2/3"},
    // The rest are quotes, dashes and stops, which the metric's list removes.
    {U'.', ""},
    {U',', ""},
    {U':', ""},
    {U';', ""},
    {U'"', ""},
    {U'\'', ""},
    {U'`', ""},
    {U'-', ""},
    {0x2018, ""},
    {0x2019, ""},
    {0x201C, ""},
    {0x201D, ""},
    {0xAB, ""},
    {0xBB, ""},
    {0x2039, ""},
    {0x203A, ""},
    {0x2026, ""},
    {0x2010, ""},
    {0x2011, ""},
    {0x2012, ""},
    {0x2013, ""},
    {0x2014, ""},
    {0x2015, ""},
    {0xFE0F, ""},
    {0xFFFD, ""}};

// ---- character classes ----

bool is_apostrophe(char32_t c) {
  return c == U'\'' || c == 0x2019;
}
bool is_hyphen(char32_t c) {
  return c == U'-' || c == 0x2010 || c == 0x2011;
}
bool is_alnum(char32_t c) {
  return is_letter(c) || is_digit(c);
}
bool is_ascii_alnum(char32_t c) {
  return c < 0x80 && is_alnum(c);
}
bool is_upper(char32_t c) {
  return c >= U'A' && c <= U'Z';
}
bool is_vowel(char32_t c) {
  return Text(U"aeiouAEIOU").find(c) != Text::npos;
}

std::string lowered(Text text) {
  std::u32string low(text);
  std::ranges::transform(low, low.begin(), to_lower);
  return encode_utf8(low);
}

std::u32string without_soft_hyphens_and_entities(std::string_view caption) {
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
      {"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", " "}};
  std::string text(caption);
  for (const auto& [entity, plain] : kEntities) {
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos;
         at += plain.size()) {
      text.replace(at, entity.size(), plain);
    }
  }
  std::u32string out = decode_utf8(text);
  std::erase(out, char32_t{0xAD});
  return out;
}

/// Cuts a caption into tokens: at each place the rule with the longest match wins, the earlier one
/// of two with the same length. A rule returns the length of its match at `at`, or 0.
class Scanner {
 public:
  explicit Scanner(std::string_view caption) : text_(without_soft_hyphens_and_entities(caption)) {}

  std::vector<std::string> run() {
    for (std::size_t at = 0; at < text_.size();) {
      at += is_space(text_[at]) ? 1 : take(at);
    }
    return std::move(tokens_);
  }

 private:
  char32_t peek(std::size_t at) const { return at < text_.size() ? text_[at] : U'\0'; }
  Text piece(std::size_t at, std::size_t length) const { return Text(text_).substr(at, length); }
  void emit(std::size_t at, std::size_t length) {
    if (length > 0) tokens_.push_back(lowered(piece(at, length)));
  }
  void emit_after_apostrophe(std::size_t at, std::size_t length) {
    tokens_.emplace_back("'").append(lowered(piece(at, length)));
  }
  template <typename Test>
  std::size_t while_(std::size_t at, Test test) const {
    std::size_t end = at;
    while (end < text_.size() && test(text_[end]))
      ++end;
    return end - at;
  }

  std::size_t take(std::size_t at);
  std::size_t take_contracted(std::size_t at);
  std::size_t take_apostrophe(std::size_t at);
  std::size_t take_symbol(std::size_t at);

  std::size_t suffix(std::size_t at) const;
  std::size_t sentence_word(std::size_t at) const;
  std::size_t number(std::size_t at) const;
  std::size_t fraction(std::size_t at) const;
  std::size_t hyphenated(std::size_t at) const;
  std::size_t slashed(std::size_t at) const;
  std::size_t apostrophe_word(std::size_t at) const;
  std::size_t acronym(std::size_t at) const;
  std::size_t acronym_compound(std::size_t at) const;
  std::size_t abbreviation(std::size_t at) const;
  std::size_t ampersand_name(std::size_t at) const;
  std::size_t currency_or_language(std::size_t at) const;
  std::size_t address(std::size_t at) const;
  std::size_t mail_address(std::size_t at) const;
  template <typename Page>
  std::size_t site(std::size_t at, Page page) const;
  std::size_t handle(std::size_t at) const;
  std::size_t emoticon(std::size_t at) const;
  std::size_t tag(std::size_t at) const;
  std::size_t run_of_symbols(std::size_t at) const;

  std::u32string text_;
  std::vector<std::string> tokens_;
};

/// 's 'd 'm 're 've 'll at an apostrophe, not followed by another letter (unless it is curly).
std::size_t Scanner::suffix(std::size_t at) const {
  if (!is_apostrophe(peek(at)) || is_apostrophe(peek(at + 1))) return 0;
  for (const std::string_view ending : {"s", "d", "m", "re", "ve", "ll"}) {
    if (lowered(piece(at + 1, ending.size())) == ending &&
        (peek(at) != U'\'' || !is_letter(peek(at + 1 + ending.size())))) {
      return 1 + ending.size();
    }
  }
  return 0;
}

/// Letters and digits; inner . ! ? between letters ("word.word").
std::size_t Scanner::sentence_word(std::size_t at) const {
  if (!is_letter(peek(at))) return 0;
  std::size_t end = at + while_(at, is_alnum);
  while (Text(U".!?").find(peek(end)) != Text::npos && is_letter(peek(end + 1)) &&
         end < text_.size()) {
    end += 1 + while_(end + 1, is_alnum);
  }
  return end - at;
}

/// [+-] digits with inner and leading . , :
std::size_t Scanner::number(std::size_t at) const {
  std::size_t end = at;
  if (peek(end) == U'-' || peek(end) == U'+') ++end;
  const std::size_t begin = end;
  end += while_(end, is_digit);
  while (Text(U".,:").find(peek(end)) != Text::npos && end < text_.size() &&
         is_digit(peek(end + 1))) {
    end += 1 + while_(end + 1, is_digit);
  }
  return end > begin ? end - at : 0;
}

/// 1/2, or a mixed one: 2 1/2
std::size_t Scanner::fraction(std::size_t at) const {
  const auto plain = [this](std::size_t from) -> std::size_t {
    const std::size_t above = while_(from, is_digit);
    if (above == 0 || above > 4 || peek(from + above) != U'/') return 0;
    const std::size_t below = while_(from + above + 1, is_digit);
    return below == 0 || below > 4 ? 0 : above + 1 + below;
  };
  const std::size_t whole = while_(at, is_digit);
  if (whole > 0 && whole <= 4 && (peek(at + whole) == U' ' || peek(at + whole) == U'-')) {
    if (const std::size_t rest = plain(at + whole + 1)) return whole + 1 + rest;
  }
  return plain(at);
}

/// Letters and digits joined by single hyphens or underscores; o'brien, l'eau in front.
std::size_t Scanner::hyphenated(std::size_t at) const {
  std::size_t end = at;
  if (Text(U"dDoOlL").find(peek(at)) != Text::npos && at < text_.size() &&
      is_apostrophe(peek(at + 1)) && is_letter(peek(at + 2))) {
    end += 2;
  }
  if (!is_alnum(peek(end))) return 0;
  end += while_(end, is_alnum);
  if (const std::size_t digits = number(at); is_digit(peek(at)) && is_hyphen(peek(at + digits)) &&
                                             piece(at, digits).find(U':') == Text::npos) {
    end = std::max(end, at + digits);  // 5.5-inch
  }
  while (is_hyphen(peek(end)) || peek(end) == U'_') {
    std::size_t next = end + 1;
    if (Text(U"dDoOlL").find(peek(next)) != Text::npos && is_apostrophe(peek(next + 1)) &&
        is_letter(peek(next + 2))) {
      next += 2;
    }
    if (!is_alnum(peek(next))) break;
    end = next + while_(next, is_alnum);
  }
  return end - at;
}

/// One or two slashes between words of ASCII letters and digits, each with up to two hyphens.
std::size_t Scanner::slashed(std::size_t at) const {
  const auto part = [this](std::size_t from) {
    std::size_t end = from + while_(from, is_ascii_alnum);
    for (int hyphens = 0; end > from && hyphens < 2 && peek(end) == U'-'; ++hyphens) {
      const std::size_t letters =
          while_(end + 1, [](char32_t c) { return c < 0x80 && is_letter(c); });
      if (letters == 0) break;
      end += 1 + letters;
    }
    return end - from;
  };
  std::size_t end = at + part(at);
  if (end == at) return 0;
  int slashes = 0;
  for (; slashes < 2 && peek(end) == U'/'; ++slashes) {
    const std::size_t next = part(end + 1);
    if (next == 0) break;
    end += 1 + next;
  }
  return slashes > 0 ? end - at : 0;
}

/// Words with an apostrophe that is no contraction: ma'am, k'nex, hawai'i, ol', c'mon.
std::size_t Scanner::apostrophe_word(std::size_t at) const {
  const std::size_t stem = while_(at, is_letter);
  const std::size_t mark = at + stem;
  if (stem == 0 || !is_apostrophe(peek(mark))) return 0;
  const std::size_t rest = while_(mark + 1, is_letter);
  std::string whole = lowered(piece(at, stem)) + "'" + lowered(piece(mark + 1, rest));
  if (kApostropheWords.contains(whole) || whole == "n't") return stem + 1 + rest;
  if (whole.starts_with("y'")) return 2;
  if (rest == 0 || suffix(mark) > 0) return 0;
  const char32_t first = peek(at), before = peek(mark - 1), after = peek(mark + 1);
  const bool prefix = stem == 1 && rest >= 2 && peek(mark) == U'\'' &&
                      ((is_upper(first) && first != U'I' && first != U'Y') || first == U'n');
  const bool between_vowels = stem >= 2 && (is_vowel(before) || before == U'y' || before == U'Y') &&
                              (Text(U"aeiou").find(after) != Text::npos || is_upper(after));
  return prefix || between_vowels ? stem + 1 + rest : 0;
}

/// Single letters with periods between: U.S., a.m., J.R.R.
std::size_t Scanner::acronym(std::size_t at) const {
  std::size_t end = at;
  int letters = 0;
  while (is_letter(peek(end)) && peek(end + 1) == U'.') {
    end += 2;
    ++letters;
  }
  if (letters == 0) return 0;
  if (is_letter(peek(end)) && !is_alnum(peek(end + 1))) return end + 1 - at;
  return letters >= 2 && !is_alnum(peek(end)) ? end - at : 0;
}

/// u.s.-based, non-u.s.
std::size_t Scanner::acronym_compound(std::size_t at) const {
  std::size_t end = at;
  bool any = false;
  while (true) {
    const std::size_t short_name = acronym(end);
    const bool dotted = short_name > 0 && peek(end + short_name - 1) == U'.';
    const std::size_t length = dotted ? short_name : while_(end, is_alnum);
    if (length == 0) return 0;
    any |= dotted;
    end += length;
    if (peek(end) != U'-' || !is_alnum(peek(end + 1))) break;
    ++end;
  }
  return any ? end - at : 0;
}

/// A known abbreviation or a single letter, with its period.
std::size_t Scanner::abbreviation(std::size_t at) const {
  std::size_t length = while_(at, is_letter);
  if (lowered(piece(at, 4)) == "ph.d") length = 4;
  if (length == 0 || peek(at + length) != U'.') return 0;
  const std::size_t after = at + length + 1;
  const std::string word = lowered(piece(at, length));
  const bool capital = is_upper(peek(at));
  const std::size_t next = after + while_(after, is_space);
  if (length == 1) {
    if (peek(at) >= 0x80) return 0;
    const std::string following = lowered(piece(next, while_(next, is_letter)));
    const bool ended = next > after && is_upper(peek(next)) && kSentenceStarts.contains(following);
    return ended ? 0 : length + 1;
  }
  const bool kept =
      kAbbreviations.contains(word) || (capital && kCapitalAbbreviations.contains(word)) ||
      (kNumberAbbreviations.contains(word) && is_digit(peek(next)) && next <= after + 1);
  if (kept && peek(after) == U'-' && is_letter(peek(after + 1))) {
    return length + 2 + hyphenated(after + 1);  // St.-John
  }
  return kept ? length + 1 : 0;
}

/// AT&T, R&B, A+B
std::size_t Scanner::ampersand_name(std::size_t at) const {
  std::size_t end = at + while_(at, is_upper);
  if (end == at) return 0;
  const std::size_t first = end;
  while ((peek(end) == U'&' || peek(end) == U'+') && is_upper(peek(end + 1))) {
    end += 1 + while_(end + 1, is_upper);
  }
  return end > first ? end - at : 0;
}

/// US$, C++, F#
std::size_t Scanner::currency_or_language(std::size_t at) const {
  for (const Text name :
       {U"C++", U"C#", U"F#", U"US$", U"HK$", U"NZ$", U"A$", U"C$", U"R$", U"U$"}) {
    if (piece(at, name.size()) == name) return name.size();
  }
  return 0;
}

/// http://..., mail@host, www.example.com/page, example.org/page
std::size_t Scanner::address(std::size_t at) const {
  const auto visible = [](char32_t c) {
    return !is_space(c) && Text(U"\"<>|()").find(c) == Text::npos;
  };
  // At least `least` characters of which the last is no stop.
  const auto path = [&](std::size_t from, std::size_t least) {
    std::size_t length = while_(from, visible);
    while (length > 0 && Text(U".!?{},-").find(text_[from + length - 1]) != Text::npos)
      --length;
    return length >= least ? length : 0;
  };
  const std::string scheme = lowered(piece(at, 8));
  for (const std::string_view name : {"http://", "https://"}) {
    if (!scheme.starts_with(name)) continue;
    const std::size_t rest = path(at + name.size(), 2);
    return rest > 0 ? name.size() + rest : 0;
  }
  if (!is_ascii_alnum(peek(at))) return 0;
  return std::max(mail_address(at),
                  site(at, [&](std::size_t slash) { return path(slash + 1, 2); }));
}

/// name@host.name: nearly every character may stand in either.
std::size_t Scanner::mail_address(std::size_t at) const {
  const auto visible = [](char32_t c) {
    return !is_space(c) && Text(U"\"<>|()@").find(c) == Text::npos;
  };
  std::size_t end = at + while_(at, visible);
  if (peek(end) != U'@') return 0;
  const auto label = [&](char32_t c) { return visible(c) && c != U'.'; };
  std::size_t host = while_(end + 1, label);
  if (host == 0) return 0;
  end += 1 + host;
  while (peek(end) == U'.' && (host = while_(end + 1, label)) > 0)
    end += 1 + host;
  return end - at;
}

/// www.name.xx or name.com|net|org|edu, with the page behind a slash if `page` finds one.
template <typename Page>
std::size_t Scanner::site(std::size_t at, Page page) const {
  std::size_t end = at, labels = 0, last = at;
  while (true) {
    const std::size_t label = while_(end, is_alnum);
    if (label == 0) return 0;
    last = end;
    end += label;
    ++labels;
    if (peek(end) != U'.' || !is_alnum(peek(end + 1))) break;
    ++end;
  }
  const std::string domain = lowered(piece(last, end - last));
  const bool known = domain == "com" || domain == "net" || domain == "org" || domain == "edu";
  const bool www = lowered(piece(at, 4)) == "www." && labels >= 3 && domain.size() >= 2 &&
                   domain.size() <= 4 && while_(last, is_letter) == domain.size();
  if (labels < 2 || (!known && !www)) return 0;
  const std::size_t behind = peek(end) == U'/' ? page(end) : 0;
  return end - at + (behind > 0 ? 1 + behind : 0);
}

/// #tag, @user
std::size_t Scanner::handle(std::size_t at) const {
  if (peek(at) != U'#' && peek(at) != U'@') return 0;
  const std::size_t name = while_(at + 1, [&](char32_t c) {
    return (c < 0x80 && is_letter(c)) || c == U'_' || (text_[at] == U'@' && is_digit(c));
  });
  return name > 0 && is_letter(peek(at + 1)) ? name + 1 : 0;
}

std::size_t Scanner::emoticon(std::size_t at) const {
  if (piece(at, 3) == U"^_^") return 3;
  std::size_t end = at;
  if (peek(end) == U'<' || peek(end) == U'>') ++end;
  if (Text(U":;=").find(peek(end)) == Text::npos || end >= text_.size()) return 0;
  ++end;
  if (Text(U"-o*'").find(peek(end)) != Text::npos && end < text_.size()) ++end;
  const auto mouth = [&](std::size_t i) {
    return i < text_.size() && Text(U"()DPdpO\\{@|[]").find(text_[i]) != Text::npos;
  };
  if (!mouth(end)) return 0;
  const bool word_follows = is_letter(peek(end)) && is_alnum(peek(end + 1));
  return word_follows ? 0 : end + 1 - at;
}

/// <b>, </b>, <img src="x">
std::size_t Scanner::tag(std::size_t at) const {
  if (peek(at) != U'<') return 0;
  std::size_t end = at + 1;
  if (peek(end) == U'/') ++end;
  if (peek(end) >= 0x80 || !is_letter(peek(end))) return 0;
  end += while_(end, [](char32_t c) { return c != U'<' && c != U'>' && c != U'\n'; });
  return peek(end) == U'>' ? end + 1 - at : 0;
}

/// Runs that stay together: ?! *** ## __ @@, dashes and an ellipsis.
std::size_t Scanner::run_of_symbols(std::size_t at) const {
  for (const Text symbols : {U"?!", U"*", U"#", U"_", U"@"}) {
    const std::size_t run = while_(at, [&](char32_t c) { return symbols.find(c) != Text::npos; });
    if (run > 0) return run;
  }
  const std::size_t dashes = while_(at, [](char32_t c) { return c == U'-'; });
  const std::size_t dots = while_(at, [](char32_t c) { return c == U'.'; });
  return dashes >= 2 ? dashes : dots >= 3 ? dots : 0;
}

/// A word before n't, 's, 're ...: takes the word and leaves the suffix. 0 if there is none.
std::size_t Scanner::take_contracted(std::size_t at) {
  const std::size_t word = std::max(hyphenated(at), acronym_compound(at));
  if (word == 0) return 0;
  const std::size_t end = at + word;
  const char32_t mark = peek(end);
  const bool negated = word >= 2 && while_(at, is_letter) == word &&
                       to_lower(peek(end - 1)) == U'n' && to_lower(peek(end - 2)) != U'n' &&
                       (is_apostrophe(mark) || mark == U'`') && to_lower(peek(end + 1)) == U't';
  if (negated) {
    emit(at, word - 1);
    const std::size_t tail = while_(end + 1, is_letter);
    tokens_.push_back((mark == U'`' ? "n`" : "n'") + lowered(piece(end + 1, tail)));
    return word + 1 + tail;
  }
  if (suffix(end) == 0) return 0;
  emit(at, word);
  return word;
}

/// At an apostrophe: a suffix, 'n', 'tis, 'em, '80s; otherwise a quote, which is dropped.
std::size_t Scanner::take_apostrophe(std::size_t at) {
  if (is_apostrophe(peek(at + 1))) return 2;
  if (const std::size_t length = suffix(at)) {
    emit_after_apostrophe(at + 1, length - 1);
    return length;
  }
  const std::size_t letters = while_(at + 1, is_letter);
  const std::string word = lowered(piece(at + 1, letters));
  if (text_[at] == U'\'' && (word == "tis" || word == "twas")) {
    tokens_.push_back("'t");
    emit(at + 2, letters - 1);
    return 1 + letters;
  }
  if (word == "n") {
    const bool closed = is_apostrophe(peek(at + 2));
    tokens_.push_back(encode_utf8(piece(at, 1)) + "n" +
                      (closed ? encode_utf8(piece(at + 2, 1)) : ""));
    return closed ? 3 : 2;
  }
  if (word == "em" || word == "til" || word == "cause") {
    emit_after_apostrophe(at + 1, letters);
    return 1 + letters;
  }
  const std::size_t digits = while_(at + 1, is_digit);
  if (digits == 2 && peek(at + 1) >= U'2') {
    const std::size_t length = 3 + (peek(at + 3) == U's' && peek(at + 2) == U'0' ? 1 : 0);
    if (!is_alnum(peek(at + length))) {
      emit_after_apostrophe(at + 1, length - 1);
      return length;
    }
  }
  return 1;
}

std::size_t Scanner::take_symbol(std::size_t at) {
  const char32_t c = text_[at];
  const auto* rewrite = std::ranges::find(kRewrites, c, &Rewrite::from);
  if (rewrite != std::end(kRewrites)) {
    if (*rewrite->to) tokens_.emplace_back(rewrite->to);
  } else if (c < 0x10000) {  // pictographs beyond it are taken away
    emit(at, 1);
  }
  return 1;
}

std::size_t Scanner::take(std::size_t at) {
  using Rule = std::size_t (Scanner::*)(std::size_t) const;
  constexpr std::array<Rule, 16> kRules = {
      &Scanner::tag,           &Scanner::address,         &Scanner::handle,
      &Scanner::emoticon,      &Scanner::fraction,        &Scanner::number,
      &Scanner::slashed,       &Scanner::acronym,         &Scanner::acronym_compound,
      &Scanner::abbreviation,  &Scanner::ampersand_name,  &Scanner::currency_or_language,
      &Scanner::hyphenated,    &Scanner::apostrophe_word, &Scanner::sentence_word,
      &Scanner::run_of_symbols};
  std::size_t best = 0;
  for (const Rule rule : kRules)
    best = std::max(best, (this->*rule)(at));

  if (best <= std::max(hyphenated(at), acronym_compound(at))) {
    if (const std::size_t taken = take_contracted(at)) return taken;
  }
  if (best == 0) return is_apostrophe(text_[at]) ? take_apostrophe(at) : take_symbol(at);

  std::string token = lowered(piece(at, best));
  for (const Assimilation& joined : kAssimilations) {
    if (token == joined.word) {
      emit(at, joined.first);
      emit(at + joined.first, best - joined.first);
      return best;
    }
  }
  if (kRemoved.contains(token) || token.find_first_not_of('.') == std::string::npos) return best;
  // A space inside a token (a mixed fraction, a tag) is written as a no-break space.
  std::u32string kept(piece(at, best));
  std::ranges::replace(kept, U' ', kNoBreakSpace);
  if (emoticon(at) == best || piece(at, 1) == U":") {
    token.clear();
    for (const char32_t c : kept) {
      const auto* rewrite = std::ranges::find(kRewrites, c, &Rewrite::from);
      const bool bracket = c == U'(' || c == U')';
      token += bracket ? std::string(rewrite->to) : lowered(Text(&c, 1));
    }
    tokens_.push_back(token);
    return best;
  }
  tokens_.push_back(lowered(kept));
  return best;
}

}  // namespace

std::vector<std::string> tokenize_caption(std::string_view caption) {
  return Scanner(caption).run();
}

}  // namespace pandagpt
