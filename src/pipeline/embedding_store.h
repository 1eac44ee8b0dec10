// Embeddings and hashes of files that are kept on disk: one SQLite file, shared by processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_stamp.h"
#include "store/sqlite.h"

namespace pandagpt {

/// How much is kept; what was used longest ago goes first.
struct EmbeddingStoreLimits {
  std::uint64_t max_bytes = 256ULL << 20;  ///< of the embeddings with their keys
  std::int64_t max_embeddings = 1 << 20;
  std::int64_t max_hashes = 1 << 16;
};

/// For one thread at a time, any number of processes. What a process has put is there for the
/// others at once and survives its death; a power cut may lose the last seconds.
class EmbeddingStore {
 public:
  /// Makes the file, and its folder for this user alone, if there is none. One of another version
  /// is emptied. Throws Error(kInput) if it can't be opened or written or belongs to another
  /// program, DamagedDatabase.
  explicit EmbeddingStore(const std::filesystem::path& file,
                          const EmbeddingStoreLimits& limits = {});

  /// Throws DamagedDatabase if what is stored is not what was put.
  std::optional<std::vector<float>> find(const std::string& key);
  void put(const std::string& key, std::span<const float> embedding);

  /// The SHA-256 that a file had when it had this stamp. Throws as find().
  std::optional<std::string> find_hash(const std::filesystem::path& path, const FileStamp& stamp);
  void put_hash(const std::filesystem::path& path, const FileStamp& stamp,
                const std::string& sha256);

  std::int64_t n_embeddings();
  std::uint64_t bytes();

 private:
  void create();
  void touch(const char* sql, std::int64_t row);
  void evict();

  EmbeddingStoreLimits limits_;
  Database database_;
};

}  // namespace pandagpt
