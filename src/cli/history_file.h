// What was typed in earlier chats, for the arrow keys: one entry a line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace pandagpt {

/// Entries are appended as they come, so that a killed program loses none and two programs may
/// share the file. Only this user may read it (mode 0600).
class HistoryFile {
 public:
  static constexpr std::size_t kMaxEntries = 1000;

  /// Without a path nothing is kept.
  explicit HistoryFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// The last kMaxEntries entries, the oldest first; a file that holds twice as many is cut down to
  /// them. A file that is missing or can't be read has none.
  std::vector<std::string> load() const;

  /// A file that can't be written is a warning in the log, once.
  void append(const std::string& entry);

 private:
  std::filesystem::path path_;
  bool is_broken_ = false;
};

}  // namespace pandagpt
