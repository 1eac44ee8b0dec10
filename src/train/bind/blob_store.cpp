#include "train/bind/blob_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pandagpt/error.h"
#include "train/fnv1a.h"

namespace pandagpt::train {
namespace {

constexpr char kMagic[8] = {'P', 'A', 'N', 'D', 'A', 'B', 'L', '1'};
constexpr std::uint32_t kMaxKeyBytes = 4096;

struct RecordHead {
  std::uint32_t key_size;
  std::uint32_t checksum;  ///< of key and content
  std::uint64_t size;      ///< of the content
};

std::uint32_t checksum_of(const std::string& key, ByteView content) {
  return fnv1a(content.data(), content.size(), fnv1a(key.data(), key.size()));
}

bool read_at(int descriptor, void* to, std::size_t size, std::uint64_t offset) {
  auto* bytes = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t n = pread(descriptor, bytes, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

BlobStore::BlobStore(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code code;
  std::filesystem::create_directories(path_.parent_path(), code);
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(std::strerror(errno));
  try {
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
      throw Error(ErrorKind::kInput,
                  path_.string() + ": another run uses it; give this one another --cache");
    read_index();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

BlobStore::~BlobStore() {
  close(descriptor_);
}

void BlobStore::fail(const std::string& what) const {
  throw Error(ErrorKind::kInternal, path_.string() + ": " + what);
}

void BlobStore::read_index() {
  const auto file_size = static_cast<std::uint64_t>(lseek(descriptor_, 0, SEEK_END));
  char magic[sizeof(kMagic)] = {};
  if (file_size >= sizeof(kMagic) && (!read_at(descriptor_, magic, sizeof(magic), 0) ||
                                      std::memcmp(magic, kMagic, sizeof(kMagic)) != 0))
    throw Error(ErrorKind::kInput,
                path_.string() + ": is not a cache of this program; give another --cache");
  if (file_size < sizeof(kMagic)) {
    if (ftruncate(descriptor_, 0) != 0 ||
        pwrite(descriptor_, kMagic, sizeof(kMagic), 0) != sizeof(kMagic))
      fail(std::string("can't be written: ") + std::strerror(errno));
    end_ = sizeof(kMagic);
    return;
  }
  end_ = sizeof(kMagic);
  RecordHead head{};
  while (read_at(descriptor_, &head, sizeof(head), end_)) {
    const std::uint64_t left = file_size - end_ - sizeof(head);
    if (head.key_size > kMaxKeyBytes || head.key_size > left || head.size > left - head.key_size)
      break;
    std::string key(head.key_size, '\0');
    Bytes content(head.size);
    const std::uint64_t offset = end_ + sizeof(head) + key.size();
    if (!read_at(descriptor_, key.data(), key.size(), end_ + sizeof(head)) ||
        !read_at(descriptor_, content.data(), content.size(), offset) ||
        checksum_of(key, content) != head.checksum)
      break;
    index_[key] = {offset, head.size};
    end_ = offset + head.size;
  }
  if (end_ < file_size && ftruncate(descriptor_, static_cast<off_t>(end_)) != 0)
    fail(std::string("can't be written: ") + std::strerror(errno));
}

Bytes BlobStore::get(const std::string& key) const {
  const auto found = index_.find(key);
  if (found == index_.end()) fail("has no record of " + key);
  Bytes content(found->second.size);
  if (!read_at(descriptor_, content.data(), content.size(), found->second.offset))
    fail("can't be read; remove it and start again");
  return content;
}

void BlobStore::put(const std::string& key, ByteView content) {
  const RecordHead head{static_cast<std::uint32_t>(key.size()), checksum_of(key, content),
                        content.size()};
  Bytes record(sizeof(head) + key.size() + content.size());
  std::memcpy(record.data(), &head, sizeof(head));
  std::memcpy(record.data() + sizeof(head), key.data(), key.size());
  std::memcpy(record.data() + sizeof(head) + key.size(), content.data(), content.size());
  std::size_t done = 0;
  while (done < record.size()) {
    const ssize_t n = pwrite(descriptor_, record.data() + done, record.size() - done,
                             static_cast<off_t>(end_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(std::string("writing failed: ") + std::strerror(errno));
    done += static_cast<std::size_t>(n);
  }
  index_[key] = {end_ + sizeof(head) + key.size(), content.size()};
  end_ += record.size();
}

}  // namespace pandagpt::train
