// Whether an answer names the right thing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// The words of a text in lower case: runs of letters and digits of any script.
std::vector<std::string> words_of(std::string_view text);

/// Words that stand one after the other. The last one may be in the plural (-s, -es, -y to -ies).
class Phrase {
 public:
  /// Throws Error(kInput) for a text without words.
  explicit Phrase(std::string_view text);

  std::size_t n_words() const { return words_.size(); }
  /// Whether it stands in `words` from `at` on.
  bool stands_at(const std::vector<std::string>& words, std::size_t at) const;
  bool occurs_in(const std::vector<std::string>& words) const;
  bool operator==(const Phrase&) const = default;

 private:
  std::vector<std::string> words_;
};

/// Class -> what it is called: {"dog": ["dog", "puppy"], ..}.
using Synonyms = std::map<std::string, std::vector<std::string>>;
/// Throws Error(kInput) that names the class for another form.
Synonyms read_synonyms(const std::filesystem::path& path);

/// How an answer names things.
struct Naming {
  bool right = false;       ///< the right class is named, others may be as well
  bool only = false;        ///< it is, and no other is
  std::size_t n_named = 0;  ///< classes that are named
};

/// The classes of one list, and what they are called. A phrase inside a longer one of another class
/// isn't meant ("dog" in "hot dog"), and a phrase that two classes share ("dog", of two breeds)
/// names neither of them beside the right one.
class ClassNames {
 public:
  /// Throws Error(kInput) if a class is missing in `synonyms`; `file` is where they come from.
  ClassNames(const Synonyms& synonyms, const std::vector<std::string>& classes,
             const std::filesystem::path& file);

  /// `right` is an index into the classes.
  Naming judge(std::string_view answer, std::size_t right) const;

 private:
  struct Match {
    std::size_t name;  // index into the class
    std::size_t of_class;
    std::size_t begin, end;  // words
  };
  std::vector<Match> matches(const std::vector<std::string>& words) const;

  std::vector<std::vector<Phrase>> phrases_;  // by class
};

}  // namespace pandagpt
