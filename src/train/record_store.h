// Records of one size, found by a key: an append-only store in several files that a kill can't
// damage and that processes share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/digest.h"

namespace pandagpt::train {

/// Files FOLDER/NAME-0000.bin, ..: a head, then records of key, checksum and payload. The keys stay
/// in memory, the payloads don't.
///
/// - A record that a kill or a full disk cut off is dropped; one whose checksum is wrong is as if
///   it had never been written.
/// - A file has one writer at a time (flock); other processes read it and append to files of their
///   own. What they have added is seen after refresh().
class RecordStore {
 public:
  /// SHA-256 of whatever names a record.
  using Key = Sha256;

  static constexpr std::uint64_t kShardBytes = std::uint64_t{256} << 20;

  /// Opens what is there; files of other payload sizes are passed over. Throws Error(kInternal) if
  /// the folder can't be made.
  RecordStore(std::filesystem::path folder, std::string name, std::size_t payload_bytes,
              std::uint64_t shard_bytes = kShardBytes);
  ~RecordStore();
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  bool contains(const Key& key) const { return index_.contains(key); }
  std::size_t size() const { return index_.size(); }

  /// Copies the payload; false if the record is not there (or no longer whole).
  bool read(const Key& key, std::span<std::uint8_t> payload) const;
  /// Does nothing if the key is there. Throws Error(kInternal) if it can't be written; the file is
  /// as it was before then.
  void add(const Key& key, std::span<const std::uint8_t> payload);
  /// Takes in what other processes have added.
  void refresh();

 private:
  struct Shard {
    std::filesystem::path path;
    int descriptor = -1;
    std::uint64_t n_seen = 0;  // records looked at
  };
  struct Place {
    std::uint32_t shard;
    std::uint32_t record;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };

  void open_shards();
  /// Adds the whole records that are not yet in the index.
  void read_records(std::size_t shard);
  /// A file that this process may append to.
  void choose_writer();
  /// Whether this shard is unlocked, has room and is now ours.
  bool take(std::size_t shard);
  bool create_shard();
  std::uint64_t offset_of(std::uint64_t record) const;
  std::filesystem::path shard_path(std::size_t number) const;

  std::filesystem::path folder_;
  std::string name_;
  std::size_t payload_bytes_;
  std::size_t record_bytes_;
  std::uint64_t max_records_;  // of a shard
  std::vector<Shard> shards_;
  std::unordered_map<Key, Place, KeyHash> index_;
  std::ptrdiff_t writer_ = -1;  // shard
};

}  // namespace pandagpt::train
