#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlockBytes = 1 << 20;

[[noreturn]] void fail_input(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::kInput, path.string() + ": " + why);
}

[[noreturn]] void fail_write(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::kInternal, path.string() + ": can't be written: " + why);
}

Bytes read_stream(std::istream& in, const fs::path& name, std::uint64_t max_bytes) {
  Bytes bytes;
  std::vector<char> block(kBlockBytes);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    bytes.insert(bytes.end(), block.begin(), block.begin() + in.gcount());
    if (bytes.size() > max_bytes)
      fail_input(name, "larger than the limit of " + std::to_string(max_bytes >> 20) + " MiB");
  }
  if (in.bad()) fail_input(name, std::string("reading failed: ") + std::strerror(errno));
  if (bytes.empty()) fail_input(name, "the file is empty");
  return bytes;
}

}  // namespace

Bytes read_file(const fs::path& path, std::uint64_t max_bytes) {
  if (path == "-") return read_stream(std::cin, "standard input", max_bytes);
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found) fail_input(path, "no such file");
  if (!fs::exists(status)) fail_input(path, code.message());
  if (fs::is_directory(status)) fail_input(path, "is a folder, a file was expected");
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_input(path, std::string("can't be opened: ") + std::strerror(errno));
  return read_stream(in, path, max_bytes);
}

PendingFile::PendingFile(fs::path path) : path_(std::move(path)), temporary_(path_) {
  temporary_ += ".tmp" + std::to_string(getpid());
}

PendingFile::~PendingFile() {
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void PendingFile::commit() {
  const int descriptor = open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int sync_errno = errno;
  if (descriptor >= 0) close(descriptor);
  if (!synced) fail_write(path_, std::strerror(sync_errno));
  std::error_code code;
  fs::rename(temporary_, path_, code);
  if (code) fail_write(path_, code.message());
}

void require_disk_room(const fs::path& path, std::uint64_t size) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code code;
  const fs::space_info space = fs::space(folder, code);
  if (code || space.available >= size) return;
  throw Error(ErrorKind::kInternal, path.string() + ": takes " + std::to_string((size >> 20) + 1) +
                                        " MiB, but its disk has " +
                                        std::to_string(space.available >> 20) +
                                        " MiB left; free some, or write elsewhere");
}

void write_file_atomically(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  PendingFile file(path);
  try {
    std::ofstream out(file.temporary(), std::ios::binary | std::ios::trunc);
    if (!out) fail_write(path, std::strerror(errno));
    out.exceptions(std::ios::failbit | std::ios::badbit);  // a full disk ends `write` at once
    write(out);
    out.flush();
  } catch (const std::ios::failure&) {
    fail_write(path, std::strerror(errno));
  }
  file.commit();
}

void check_room(const fs::path& path, std::uint64_t bytes) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code code;
  const fs::space_info space = fs::space(folder, code);
  if (code || space.available >= bytes) return;
  throw Error(ErrorKind::kInternal, path.string() + ": takes " + std::to_string((bytes >> 20) + 1) +
                                        " MiB, but its disk has " +
                                        std::to_string(space.available >> 20) +
                                        " MiB left; free some, or write elsewhere");
}

MappedFile::MappedFile(const fs::path& path) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::kModel, path.string() + ": " + why);
  };
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(std::string("can't be opened: ") + std::strerror(errno));
  struct stat info {};
  if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0) {
    close(descriptor);
    fail(S_ISREG(info.st_mode) ? "the file is empty; get a complete copy of it"
                               : "not a regular file with content");
  }
  size_ = static_cast<std::size_t>(info.st_size);
  void* address = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int map_errno = errno;
  close(descriptor);
  if (address == MAP_FAILED) fail(std::string("can't be mapped: ") + std::strerror(map_errno));
  data_ = static_cast<const std::uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::uint8_t*>(data_), size_);
}

void MappedFile::release(ByteView part) const {
  if (part.empty() || part.data() < data_ || part.data() + part.size() > data_ + size_) return;
  // Outwards to whole pages: what lies beside the part and is needed again is mapped in again.
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto begin = static_cast<std::size_t>(part.data() - data_) / page * page;
  const std::size_t end = part.data() + part.size() - data_;
  madvise(const_cast<std::uint8_t*>(data_) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace pandagpt
