#include "cli/typed_path.h"

#include <pwd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "core/percent_coding.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSpaces = " \t\n\r";
constexpr std::string_view kFileScheme = "file:";

bool is_space(char c) {
  return kSpaces.find(c) != std::string_view::npos;
}

bool is_there(const std::string& path) {
  std::error_code ignored;
  return !path.empty() && fs::exists(path, ignored);
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return !path.empty() && fs::is_regular_file(path, ignored);
}

/// "file:///tmp/a", "file://localhost/tmp/a" and "file:/tmp/a" are /tmp/a.
std::optional<std::string> path_of_file_uri(const std::string& text) {
  if (!text.starts_with(kFileScheme)) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(kFileScheme.size());
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::string_view host = rest.substr(0, rest.find('/'));
    if (!host.empty() && host != "localhost") return std::nullopt;
    rest.remove_prefix(host.size());
  }
  if (!rest.starts_with('/')) return std::nullopt;
  return percent_decode(rest);
}

/// "~" and "~/..": this user's; "~anna/..": Anna's.
std::optional<std::string> path_of_home(const std::string& text) {
  if (!text.starts_with('~')) return std::nullopt;
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string user = text.substr(1, slash - 1);
  std::string home;
  if (const char* own = std::getenv("HOME"); user.empty() && own != nullptr) {
    home = own;
  } else if (const passwd* entry = user.empty() ? nullptr : getpwnam(user.c_str())) {
    home = entry->pw_dir;
  }
  if (home.empty()) return std::nullopt;
  return home + text.substr(slash);
}

/// Reads one word from `at` on, quotes and backslashes resolved; `at` is then behind it. Nothing if
/// a quote isn't closed.
std::optional<std::string> quoted_word(std::string_view line, std::size_t& at) {
  std::string word;
  char quote = 0;
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == 0 && is_space(c)) break;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && at + 1 < line.size()) {
      word += line[++at];
    } else {
      word += c;
    }
  }
  if (quote != 0) return std::nullopt;
  return word;
}

/// The same without quotes: they are part of it, as in "what's".
std::string plain_word(std::string_view line, std::size_t& at) {
  std::string word;
  for (; at < line.size() && !is_space(line[at]); ++at) {
    if (line[at] == '\\' && at + 1 < line.size()) ++at;
    word += line[at];
  }
  return word;
}

bool looks_like_path(const std::string& word) {
  return word.find('/') != std::string::npos || fs::path(word).has_extension();
}

}  // namespace

std::vector<TypedWord> typed_words(std::string_view line) {
  std::vector<TypedWord> words;
  for (std::size_t at = 0; at < line.size();) {
    if (is_space(line[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    std::optional<std::string> word;
    if (line[at] == '\'' || line[at] == '"') word = quoted_word(line, at);
    if (!word) {
      at = begin;
      word = plain_word(line, at);
    }
    words.push_back({begin, at, std::move(*word)});
  }
  return words;
}

std::string expand_path(const std::string& path) {
  if (is_there(path)) return path;
  if (const auto file = path_of_file_uri(path)) return *file;
  if (const auto file = path_of_home(path)) return *file;
  return path;
}

std::vector<std::string> listed_files(const std::string& value) {
  const std::string whole = expand_path(value);
  if (is_there(whole) || value.find(',') == std::string::npos) return {whole};
  std::vector<std::string> files;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    files.push_back(expand_path(value.substr(begin, end - begin)));
    if (!is_file(files.back())) return {whole};
    begin = end + 1;
  }
  return files;
}

std::string typed_path(const std::string& text) {
  const std::string whole = expand_path(text);
  if (is_there(whole)) return whole;
  const std::vector<TypedWord> words = typed_words(text);
  return words.size() == 1 ? expand_path(words.front().text) : whole;
}

bool is_web_address(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

std::vector<std::string> dropped_files(const std::string& line) {
  if (looks_like_path(line) && is_file(typed_path(line))) return {typed_path(line)};
  std::vector<std::string> files;
  for (const TypedWord& word : typed_words(line)) {
    files.push_back(expand_path(word.text));
    if (!looks_like_path(files.back()) || !is_file(files.back())) return {};
  }
  return files;
}

}  // namespace pandagpt
