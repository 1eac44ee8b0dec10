// One writer at a time for the folder of an index.
#pragma once

#include <filesystem>

namespace pandagpt {

/// Held until destruction or the end of the process, however it ends.
class FolderLock {
 public:
  /// Makes the folder if there is none. Throws Error(kUsage) if another process holds the lock,
  /// naming it, Error(kInput) if the folder can't be written.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace pandagpt
