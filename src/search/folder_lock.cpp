#include "search/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLockName = "lock";

/// The process that wrote itself into the file.
std::string holder(int descriptor) {
  char text[32] = {};
  const ssize_t length = pread(descriptor, text, sizeof(text) - 1, 0);
  return {text, static_cast<std::size_t>(std::max<ssize_t>(0, length))};
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw Error(ErrorKind::kInput, folder.string() + ": can't be made: " + code.message());
  const fs::path path = folder / kLockName;
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw Error(ErrorKind::kInput, path.string() + ": can't be written: " + std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const std::string other = holder(descriptor_);
    close(descriptor_);
    throw Error(ErrorKind::kUsage, folder.string() + ": process " + other +
                                       " is writing this index; wait until it is done");
  }
  const std::string own = std::to_string(getpid());
  // Only for the message above.
  [[maybe_unused]] const bool written =
      ftruncate(descriptor_, 0) == 0 && pwrite(descriptor_, own.data(), own.size(), 0) > 0;
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace pandagpt
