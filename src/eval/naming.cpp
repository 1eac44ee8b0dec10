#include "eval/naming.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text_file.h"
#include "core/utf8.h"
#include "eval/unicode_text.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;

bool is_plural_of(const std::string& word, const std::string& singular) {
  if (word == singular + "s" || word == singular + "es") return true;
  return singular.ends_with('y') && word == singular.substr(0, singular.size() - 1) + "ies";
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::u32string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(encode_utf8(word));
    word.clear();
  };
  for (const char32_t c : decode_utf8(text)) {
    if (is_letter(c) || is_digit(c)) {
      word += to_lower(c);
    } else {
      end_word();
    }
  }
  end_word();
  return words;
}

Phrase::Phrase(std::string_view text) : words_(words_of(text)) {
  if (words_.empty())
    throw Error(ErrorKind::kInput, fmt::format("\"{}\" has no words to look for", text));
}

bool Phrase::stands_at(const std::vector<std::string>& words, std::size_t at) const {
  if (at + words_.size() > words.size()) return false;
  for (std::size_t i = 0; i + 1 < words_.size(); ++i)
    if (words[at + i] != words_[i]) return false;
  const std::string& last = words[at + words_.size() - 1];
  return last == words_.back() || is_plural_of(last, words_.back());
}

bool Phrase::occurs_in(const std::vector<std::string>& words) const {
  for (std::size_t at = 0; at < words.size(); ++at)
    if (stands_at(words, at)) return true;
  return false;
}

Synonyms read_synonyms(const std::filesystem::path& path) {
  const auto document = nlohmann::json::parse(read_text_file(path, kMaxBytes), nullptr,
                                              /*allow_exceptions=*/false);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::kInput, path.string() + ": " + what);
  };
  if (!document.is_object()) fail("not a JSON object of classes and what they are called");
  Synonyms synonyms;
  for (const auto& [name, list] : document.items()) {
    if (!list.is_array() || list.empty()) fail("\"" + name + "\" has no list of names");
    for (const auto& one : list) {
      if (!one.is_string() || words_of(one.get<std::string>()).empty())
        fail("\"" + name + "\" has a name that is no text with words");
      synonyms[name].push_back(one);
    }
  }
  return synonyms;
}

ClassNames::ClassNames(const Synonyms& synonyms, const std::vector<std::string>& classes,
                       const std::filesystem::path& file) {
  for (const std::string& name : classes) {
    const auto found = synonyms.find(name);
    if (found == synonyms.end())
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: the class \"{}\" is missing; add what it is called",
                              file.string(), name));
    phrases_.emplace_back(found->second.begin(), found->second.end());
  }
}

std::vector<ClassNames::Match> ClassNames::matches(const std::vector<std::string>& words) const {
  std::vector<Match> all;
  for (std::size_t of_class = 0; of_class < phrases_.size(); ++of_class)
    for (std::size_t name = 0; name < phrases_[of_class].size(); ++name)
      for (std::size_t at = 0; at < words.size(); ++at) {
        const Phrase& phrase = phrases_[of_class][name];
        if (phrase.stands_at(words, at)) all.push_back({name, of_class, at, at + phrase.n_words()});
      }
  std::vector<Match> meant;
  std::ranges::copy_if(all, std::back_inserter(meant), [&](const Match& one) {
    return std::ranges::none_of(all, [&](const Match& other) {
      return other.of_class != one.of_class && other.begin <= one.begin && other.end >= one.end &&
             other.end - other.begin > one.end - one.begin;
    });
  });
  return meant;
}

Naming ClassNames::judge(std::string_view answer, std::size_t right) const {
  std::set<std::size_t> named;
  bool names_other = false;
  const std::vector<Phrase>& own = phrases_[right];
  for (const Match& match : matches(words_of(answer))) {
    const Phrase& phrase = phrases_[match.of_class][match.name];
    const bool is_shared = match.of_class != right && std::ranges::find(own, phrase) != own.end();
    if (is_shared) continue;
    named.insert(match.of_class);
    names_other = names_other || match.of_class != right;
  }
  const bool is_right = named.contains(right);
  return {is_right, is_right && !names_other, named.size()};
}

}  // namespace pandagpt
