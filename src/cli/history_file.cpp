#include "cli/history_file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ostream>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerOnly = 0600;
constexpr std::size_t kMaxEntryBytes = std::size_t{64} << 10;  // a longer one is no typing

/// A line feed as "\n", a backslash as two.
std::string escaped(const std::string& entry) {
  std::string line;
  for (const char c : entry) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line.append(c == '\\' ? 2 : 1, c);
    }
  }
  return line;
}

std::string unescaped(const std::string& line) {
  std::string entry;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      entry += line[i] == 'n' ? '\n' : line[i];
    } else {
      entry += line[i];
    }
  }
  return entry;
}

}  // namespace

std::vector<std::string> HistoryFile::load() const {
  std::vector<std::string> entries;
  std::error_code ignored;
  if (path_.empty() || !fs::is_regular_file(path_, ignored)) return entries;
  std::ifstream file(path_, std::ios::binary);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) entries.push_back(unescaped(line));
  if (entries.size() <= kMaxEntries) return entries;
  const bool is_long = entries.size() > 2 * kMaxEntries;
  entries.erase(entries.begin(), entries.end() - kMaxEntries);
  if (!is_long) return entries;
  const mode_t mask = umask(~kOwnerOnly & 0777);  // the new file must not be open for a moment
  try {
    write_file_atomically(path_, [&](std::ostream& out) {
      for (const std::string& entry : entries)
        out << escaped(entry) << '\n';
    });
  } catch (const Error& error) {
    spdlog::debug("the history stays long: {}", error.what());
  }
  umask(mask);
  return entries;
}

void HistoryFile::append(const std::string& entry) {
  if (path_.empty() || is_broken_ || entry.size() > kMaxEntryBytes) return;
  std::error_code ignored;
  if (fs::create_directories(path_.parent_path(), ignored))
    fs::permissions(path_.parent_path(), fs::perms::owner_all, ignored);
  const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
  const std::string line = escaped(entry) + '\n';
  is_broken_ = file < 0 || fchmod(file, kOwnerOnly) != 0 ||
               write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size());
  if (is_broken_)
    spdlog::warn("what you type isn't kept for the next chat: {}: {}", path_.string(),
                 std::strerror(errno));
  if (file >= 0) close(file);
}

}  // namespace pandagpt
