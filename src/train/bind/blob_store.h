// What was computed from an input once, on disk: decoded inputs, frozen features.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <unordered_map>

#include "core/file.h"

namespace pandagpt::train {

/// An append-only file of records, each with its key and a checksum. A record that was cut off by a
/// kill, or damaged, is dropped with all that follow it. One process writes at a time.
class BlobStore {
 public:
  /// Opens or creates the file. Throws Error(kInternal) if it can't be written, Error(kInput) if it
  /// is another program's or in use by another process.
  explicit BlobStore(std::filesystem::path path);
  ~BlobStore();
  BlobStore(const BlobStore&) = delete;
  BlobStore& operator=(const BlobStore&) = delete;

  bool has(const std::string& key) const { return index_.contains(key); }
  /// The record. Throws Error(kInternal) if it can't be read, or there is none.
  Bytes get(const std::string& key) const;
  /// Appends a record. Throws Error(kInternal) on a full disk.
  void put(const std::string& key, ByteView content);

 private:
  struct Place {
    std::uint64_t offset;
    std::uint64_t size;
  };

  [[noreturn]] void fail(const std::string& what) const;
  void read_index();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t end_ = 0;  // bytes that hold sound records
  std::unordered_map<std::string, Place> index_;
};

}  // namespace pandagpt::train
