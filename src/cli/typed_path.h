// Paths as people type them, and as terminals write them when a file is dropped on the window:
// '/tmp/my photo.png', /tmp/my\ photo.png, "file:///tmp/my%20photo.png", ~/photo.png.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// A word of a line: `text` without its quotes and backslashes, which stood in [begin, end).
struct TypedWord {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};

/// The line in words, as a shell would read it, with two differences that make plain language safe:
/// a quote counts at the beginning of a word only (not in "what's"), and one that isn't closed
/// stands for itself.
std::vector<TypedWord> typed_words(std::string_view line);

/// `path` itself if there is such a file; else without "file://" (and %XX as its byte), and with a
/// home folder for "~".
std::string expand_path(const std::string& path);

/// The files that an option's value names: one, or several with commas between them, as llama.cpp
/// takes them, if there is no file of that name and there are all of these. As expand_path.
std::vector<std::string> listed_files(const std::string& value);

/// The file that `text`, a whole argument, names: as it stands if there is such a file, else
/// without quotes and backslashes, and as expand_path. If there is none, what was most likely
/// meant.
std::string typed_path(const std::string& text);

/// "https://..", "http://..".
bool is_web_address(std::string_view text);

/// Files that a line consists of, all of them existing regular files; empty if it says anything
/// else. A single name must look like a path (have a slash or an extension).
std::vector<std::string> dropped_files(const std::string& line);

}  // namespace pandagpt
