// Size, modification time and inode of a file: a cheap check whether it has changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace pandagpt {

struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  ///< since 1970
  std::int64_t changed_ns = 0;   ///< the same of its inode: not even a set back date hides a write

  bool operator==(const FileStamp&) const = default;
  /// Whether the file was last written so long ago that one more write would show: clocks of file
  /// systems have ticks of up to two seconds.
  bool is_settled() const;
};

/// All of it, as text.
std::string to_string(const FileStamp& stamp);

/// Nothing if `path` is no regular file or can't be looked at.
std::optional<FileStamp> file_stamp(const std::filesystem::path& path);

}  // namespace pandagpt
