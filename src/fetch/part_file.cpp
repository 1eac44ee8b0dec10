#include "fetch/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxStateBytes = 1 << 16;
constexpr const char* kUrlKey = "url_sha256";
constexpr const char* kValidatorKey = "validator";
constexpr const char* kTotalKey = "bytes";

fs::path with_ending(const fs::path& path, const char* ending) {
  fs::path longer = path;
  longer += ending;
  return longer;
}

/// Whether the open file is still the one of this name.
bool is_same_file(int descriptor, const fs::path& path) {
  struct stat opened {
  }, named{};
  return fstat(descriptor, &opened) == 0 && lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

PartFile::PartFile(fs::path target)
    : target_(std::move(target)),
      path_(with_ending(target_, kPartEnding)),
      state_path_(with_ending(target_, kPartStateEnding)) {
  std::error_code code;
  if (target_.has_parent_path()) fs::create_directories(target_.parent_path(), code);
  if (code)
    throw Error(ErrorKind::kInput,
                target_.parent_path().string() + ": can't be made: " + code.message());
  open_and_lock();
  struct stat info {};
  if (fstat(descriptor_, &info) == 0) size_ = static_cast<std::uint64_t>(info.st_size);
  read_state();
}

PartFile::~PartFile() {
  if (descriptor_ < 0) return;
  std::error_code ignored;
  if (size_ == 0) {  // nothing that a later attempt could go on with
    fs::remove(path_, ignored);
    fs::remove(state_path_, ignored);
  }
  close(descriptor_);
}

void PartFile::fail(const std::string& what) const {
  throw Error(ErrorKind::kInternal, path_.string() + ": " + what + ": " + std::strerror(errno));
}

void PartFile::open_and_lock() {
  // Between open and flock another process may have finished the file and renamed it: its bytes
  // must not be touched.
  do {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor_ < 0)
      throw Error(ErrorKind::kInput,
                  path_.string() + ": can't be written: " + std::strerror(errno));
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(std::exchange(descriptor_, -1));
      throw Error(ErrorKind::kUsage,
                  path_.string() + ": another process is downloading it; wait until it is done");
    }
  } while (!is_same_file(descriptor_, path_));
}

void PartFile::read_state() {
  if (size_ == 0) return;
  try {
    const Bytes bytes = read_file(state_path_, kMaxStateBytes);
    const auto json = nlohmann::json::parse(bytes.begin(), bytes.end());
    PartState state{json.at(kUrlKey), json.at(kValidatorKey), std::nullopt};
    if (json.contains(kTotalKey)) state.total = json.at(kTotalKey).get<std::uint64_t>();
    state_ = std::move(state);
  } catch (const nlohmann::json::exception&) {  // damaged: the download begins anew
  } catch (const Error&) {                      // none
  }
}

void PartFile::restart(const PartState& state) {
  if (ftruncate(descriptor_, 0) != 0) fail("can't be emptied");
  size_ = 0;
  nlohmann::json json{{kUrlKey, state.url_sha256}, {kValidatorKey, state.validator}};
  if (state.total) json[kTotalKey] = *state.total;
  write_file_atomically(state_path_, [&](std::ostream& out) { out << json.dump() << '\n'; });
  state_ = state;
}

void PartFile::append(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("can't be written");
    size_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

Bytes PartFile::head(std::size_t n) const {
  Bytes bytes(n);
  const ssize_t got = pread(descriptor_, bytes.data(), n, 0);
  if (got < 0) fail("can't be read");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

void PartFile::finish() {
  if (fsync(descriptor_) != 0) fail("can't be written");
  if (rename(path_.c_str(), target_.c_str()) != 0) fail("can't be renamed");
  std::error_code ignored;
  fs::remove(state_path_, ignored);
  close(std::exchange(descriptor_, -1));
}

void PartFile::discard() {
  std::error_code ignored;
  fs::remove(path_, ignored);
  fs::remove(state_path_, ignored);
  close(std::exchange(descriptor_, -1));
}

}  // namespace pandagpt
