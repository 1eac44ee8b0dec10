#include "core/file_stamp.h"

#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

namespace pandagpt {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kSettlingNs = 2 * kNanosecondsPerSecond;

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

}  // namespace

bool FileStamp::is_settled() const {
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return std::max(modified_ns, changed_ns) + kSettlingNs < now.count();
}

std::string to_string(const FileStamp& stamp) {
  return fmt::format("{}:{}:{}:{}:{}", stamp.device, stamp.inode, stamp.size, stamp.modified_ns,
                     stamp.changed_ns);
}

std::optional<FileStamp> file_stamp(const std::filesystem::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
#ifdef __APPLE__
  const timespec modified = info.st_mtimespec, changed = info.st_ctimespec;
#else
  const timespec modified = info.st_mtim, changed = info.st_ctim;
#endif
  return FileStamp{static_cast<std::uint64_t>(info.st_dev), static_cast<std::uint64_t>(info.st_ino),
                   static_cast<std::uint64_t>(info.st_size), nanoseconds(modified),
                   nanoseconds(changed)};
}

}  // namespace pandagpt
