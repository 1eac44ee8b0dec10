#include "cli/chat_completion.h"

#include <algorithm>
#include <filesystem>

#include "cli/chat_commands.h"
#include "cli/typed_path.h"
#include "pandagpt/input.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

/// How a path stands in the line.
enum class Quoting { kNone, kBackslash, kSingle, kDouble };

std::string written(const std::string& path, Quoting quoting) {
  static constexpr std::string_view kShellSigns = " \t\\'\"";
  std::string text;
  if (quoting == Quoting::kSingle) text += '\'';
  if (quoting == Quoting::kDouble) text += '"';
  for (const char c : path) {
    const bool escapes = quoting == Quoting::kBackslash
                             ? kShellSigns.find(c) != std::string_view::npos
                             : quoting == Quoting::kDouble && (c == '"' || c == '\\');
    if (escapes) text += '\\';
    text += c;
  }
  return text;
}

Quoting quoting_of(std::string_view typed, Quoting otherwise) {
  if (typed.starts_with('\'')) return Quoting::kSingle;
  if (typed.starts_with('"')) return Quoting::kDouble;
  return typed.find('\\') != std::string_view::npos ? Quoting::kBackslash : otherwise;
}

/// `typed` without its quoting, which isn't closed yet.
std::string unquoted(std::string_view typed, Quoting quoting) {
  if (quoting == Quoting::kNone) return std::string(typed);
  if (quoting != Quoting::kBackslash) typed.remove_prefix(1);
  if (quoting == Quoting::kSingle) return std::string(typed);
  std::string text;
  for (std::size_t i = 0; i < typed.size(); ++i) {
    if (typed[i] == '\\' && i + 1 < typed.size()) ++i;
    text += typed[i];
  }
  return text;
}

/// Files that begin with what is typed from `begin` on.
Completion files(std::string_view line, std::size_t begin, Quoting otherwise) {
  const std::string_view typed = line.substr(begin);
  const Quoting quoting = quoting_of(typed, otherwise);
  const std::string path = unquoted(typed, quoting);
  const std::size_t name_at = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  const std::string name = path.substr(name_at);
  std::string folder = path.substr(0, name_at);
  if (folder.starts_with('~')) folder = expand_path(folder);
  Completion result{begin, {}};
  if (path == "~") {
    result.candidates.push_back({"~/", "~/"});
    return result;
  }
  std::error_code failed;
  for (fs::directory_iterator entry(folder.empty() ? "." : folder, failed), end;
       !failed && entry != end; entry.increment(failed)) {
    const std::string found = entry->path().filename().string();
    if (!found.starts_with(name) || (name.empty() && found.starts_with('.'))) continue;
    std::error_code ignored;
    const bool is_folder = entry->is_directory(ignored);
    std::string text = written(path.substr(0, name_at) + found, quoting);
    if (is_folder) {
      text += '/';
    } else if (quoting == Quoting::kSingle) {
      text += '\'';
    } else if (quoting == Quoting::kDouble) {
      text += '"';
    }
    result.candidates.push_back({text, found + (is_folder ? "/" : "")});
  }
  std::ranges::sort(result.candidates, {}, &Completion::Candidate::text);
  return result;
}

Completion names(std::string_view line, std::size_t begin, const std::vector<std::string>& all) {
  Completion result{begin, {}};
  for (const std::string& name : all)
    if (name.starts_with(line.substr(begin))) result.candidates.push_back({name + " ", name});
  return result;
}

/// A path in a question: the last word, or what stands behind a quote that isn't closed.
Completion last_word(std::string_view line) {
  std::size_t begin = line.size();
  for (const TypedWord& word : typed_words(line)) {
    const char first = line[word.begin];
    const bool is_open = (first == '\'' || first == '"') && word.text.starts_with(first);
    if (is_open || word.end == line.size()) {
      begin = word.begin;
      break;
    }
  }
  return begin == line.size() ? Completion{} : files(line, begin, Quoting::kBackslash);
}

}  // namespace

Completion complete_chat_line(std::string_view line) {
  if (!line.starts_with('/')) return last_word(line);
  const std::size_t space = line.find_first_of(" \t");
  if (space == std::string_view::npos) {
    std::vector<std::string> commands;
    for (const ChatCommand& command : chat_commands())
      if (command.name != "?") commands.push_back("/" + command.name);
    const Completion found = names(line, 0, commands);
    return found.candidates.empty() ? last_word(line) : found;
  }
  const ChatCommand* command = find_chat_command(line.substr(1, space - 1));
  if (command == nullptr) return last_word(line);
  const std::size_t argument = std::min(line.find_first_not_of(" \t", space), line.size());
  switch (command->argument) {
    case ChatArgument::kNone:
      return {};
    case ChatArgument::kFile:
      return files(line, argument, Quoting::kNone);
    case ChatArgument::kKindAndFile:
      break;
  }
  const std::size_t kind_end = line.find_first_of(" \t", argument);
  if (kind_end != std::string_view::npos)
    return files(line, std::min(line.find_first_not_of(" \t", kind_end), line.size()),
                 Quoting::kNone);
  std::vector<std::string> kinds;
  for (const Modality modality : kAllModalities)
    kinds.push_back(to_string(modality));
  return names(line, argument, kinds);
}

}  // namespace pandagpt
