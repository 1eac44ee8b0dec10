#include "train/record_store.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pandagpt/error.h"
#include "train/fnv1a.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr char kMagic[8] = {'P', 'A', 'N', 'D', 'A', 'R', 'S', '1'};
constexpr std::size_t kReadAhead = 64;  // records
constexpr int kMaxShards = 10000;

struct Head {
  char magic[sizeof(kMagic)];
  std::uint64_t payload_bytes;
};

struct RecordHead {
  RecordStore::Key key;
  std::uint32_t checksum;
};

std::uint32_t checksum(const RecordStore::Key& key, std::span<const std::uint8_t> payload) {
  return fnv1a(payload.data(), payload.size(), fnv1a(key.data(), key.size()));
}

/// Bytes read; fewer than asked for at the end of the file.
std::size_t read_at(int descriptor, void* to, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(descriptor, static_cast<char*>(to) + done, size - done,
                            static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

bool write_at(int descriptor, const void* from, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = pwrite(descriptor, static_cast<const char*>(from) + done, size - done,
                             static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

[[noreturn]] void fail(const fs::path& path) {
  throw Error(ErrorKind::kInternal,
              path.string() + ": the cache can't be written: " + std::strerror(errno));
}

}  // namespace

std::size_t RecordStore::KeyHash::operator()(const Key& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof(hash));
  return hash;
}

RecordStore::RecordStore(fs::path folder, std::string name, std::size_t payload_bytes,
                         std::uint64_t shard_bytes)
    : folder_(std::move(folder)),
      name_(std::move(name)),
      payload_bytes_(payload_bytes),
      record_bytes_(sizeof(RecordHead) + payload_bytes),
      max_records_(std::max<std::uint64_t>(1, shard_bytes / record_bytes_)) {
  std::error_code code;
  fs::create_directories(folder_, code);
  if (code)
    throw Error(ErrorKind::kInternal, folder_.string() + ": can't be created: " + code.message());
  refresh();
}

RecordStore::~RecordStore() {
  for (const Shard& shard : shards_)
    close(shard.descriptor);
}

std::uint64_t RecordStore::offset_of(std::uint64_t record) const {
  return sizeof(Head) + record * record_bytes_;
}

fs::path RecordStore::shard_path(std::size_t number) const {
  return folder_ / fmt::format("{}-{:04}.bin", name_, number);
}

void RecordStore::open_shards() {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder_, code)) {
    const std::string file = entry.path().filename().string();
    const bool known = std::ranges::any_of(
        shards_, [&](const Shard& shard) { return shard.path == entry.path(); });
    if (!known && file.starts_with(name_ + "-") && entry.path().extension() == ".bin")
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  for (const fs::path& path : found) {
    int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) continue;  // not ours to read
    Head head{};
    const bool whole = read_at(descriptor, &head, sizeof(head), 0) == sizeof(head);
    if (whole && std::memcmp(head.magic, kMagic, sizeof(kMagic)) == 0 &&
        head.payload_bytes == payload_bytes_)
      shards_.push_back({path, descriptor, 0});
    else
      close(descriptor);
  }
}

void RecordStore::refresh() {
  open_shards();
  for (std::size_t i = 0; i < shards_.size(); ++i)
    read_records(i);
}

void RecordStore::read_records(std::size_t number) {
  Shard& shard = shards_[number];
  std::vector<std::uint8_t> block(kReadAhead * record_bytes_);
  for (;;) {
    const std::size_t n =
        read_at(shard.descriptor, block.data(), block.size(), offset_of(shard.n_seen)) /
        record_bytes_;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint8_t* record = block.data() + i * record_bytes_;
      RecordHead head{};
      std::memcpy(&head, record, sizeof(head));
      if (checksum(head.key, {record + sizeof(head), payload_bytes_}) == head.checksum)
        index_[head.key] = {static_cast<std::uint32_t>(number),
                            static_cast<std::uint32_t>(shard.n_seen + i)};
    }
    shard.n_seen += n;
    if (n < kReadAhead) return;
  }
}

bool RecordStore::read(const Key& key, std::span<std::uint8_t> payload) const {
  const auto found = index_.find(key);
  if (found == index_.end() || payload.size() != payload_bytes_) return false;
  const auto [shard, record] = found->second;
  const int descriptor = shards_[shard].descriptor;
  RecordHead head{};
  return read_at(descriptor, &head, sizeof(head), offset_of(record)) == sizeof(head) &&
         read_at(descriptor, payload.data(), payload.size(), offset_of(record) + sizeof(head)) ==
             payload.size() &&
         head.key == key && checksum(key, payload) == head.checksum;
}

bool RecordStore::take(std::size_t number) {
  Shard& shard = shards_[number];
  const bool can_write = (fcntl(shard.descriptor, F_GETFL) & O_ACCMODE) == O_RDWR;
  if (!can_write || shard.n_seen >= max_records_) return false;
  if (flock(shard.descriptor, LOCK_EX | LOCK_NB) != 0) return false;
  read_records(number);  // its last writer's last ones
  // a record that was cut off goes, so that the next one begins on a border
  if (shard.n_seen < max_records_ &&
      ftruncate(shard.descriptor, static_cast<off_t>(offset_of(shard.n_seen))) == 0)
    return true;
  flock(shard.descriptor, LOCK_UN);
  return false;
}

bool RecordStore::create_shard() {
  for (int number = 0; number < kMaxShards; ++number) {
    const fs::path path = shard_path(static_cast<std::size_t>(number));
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0 && errno == EEXIST) continue;
    if (descriptor < 0) fail(path);
    Head head{};
    std::memcpy(head.magic, kMagic, sizeof(kMagic));
    head.payload_bytes = payload_bytes_;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 ||
        !write_at(descriptor, &head, sizeof(head), 0)) {
      close(descriptor);
      fail(path);
    }
    shards_.push_back({path, descriptor, 0});
    writer_ = static_cast<std::ptrdiff_t>(shards_.size()) - 1;
    return true;
  }
  return false;
}

void RecordStore::choose_writer() {
  if (writer_ >= 0) {
    const Shard& full = shards_[static_cast<std::size_t>(writer_)];
    if (full.n_seen < max_records_) return;
    flock(full.descriptor, LOCK_UN);
    writer_ = -1;
  }
  for (std::size_t i = 0; i < shards_.size(); ++i)
    if (take(i)) {
      writer_ = static_cast<std::ptrdiff_t>(i);
      return;
    }
  if (!create_shard())
    throw Error(ErrorKind::kInternal, folder_.string() + ": too many files of " + name_ +
                                          "; remove the cache to begin it anew");
}

void RecordStore::add(const Key& key, std::span<const std::uint8_t> payload) {
  if (payload.size() != payload_bytes_)
    throw Error(ErrorKind::kInternal, name_ + ": a record of another size");
  if (contains(key)) return;
  choose_writer();
  const auto number = static_cast<std::size_t>(writer_);
  Shard& shard = shards_[number];
  const RecordHead head{key, checksum(key, payload)};
  std::vector<std::uint8_t> record(record_bytes_);
  std::memcpy(record.data(), &head, sizeof(head));
  std::ranges::copy(payload, record.begin() + sizeof(head));
  const std::uint64_t offset = offset_of(shard.n_seen);
  if (!write_at(shard.descriptor, record.data(), record.size(), offset)) {
    const int why = errno;
    if (ftruncate(shard.descriptor, static_cast<off_t>(offset)) != 0) writer_ = -1;
    errno = why;
    fail(shard.path);
  }
  index_[key] = {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(shard.n_seen)};
  ++shard.n_seen;
}

}  // namespace pandagpt::train
