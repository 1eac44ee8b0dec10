// Embeddings of inputs that have been encoded before: in memory, and on disk if there is a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/file.h"
#include "core/file_stamp.h"
#include "pandagpt/input.h"
#include "pipeline/embedding_store.h"

namespace pandagpt {

struct EmbeddingCacheOptions {
  bool keeps_embeddings = true;     ///< false: only hashes of files
  std::filesystem::path file = {};  ///< SQLite, made if it isn't there; empty: in memory
  EmbeddingStoreLimits disk = {};
  std::size_t max_memory_bytes = 16 << 20;  ///< of embeddings
};

/// Belongs to one encoder, in one arithmetic. May be used by several threads at once.
///
/// Never an error for the caller: a file that can't be used is a line in the log, and one that is
/// damaged is renamed to FILE.damaged with a warning, and a new one begun.
class EmbeddingCache {
 public:
  explicit EmbeddingCache(EmbeddingCacheOptions options);

  bool keeps_embeddings() const { return options_.keeps_embeddings; }

  /// Everything of an input that its embedding depends on, beside the encoder: kind, content and
  /// what is known about its sensor; `audio_channel` is taken of a sound that doesn't say it.
  /// Nothing if it can't be told without reading it up: standard input and what is no regular file.
  std::optional<std::string> key_of(const Input& input, int audio_channel = 1);

  /// Whether the disk takes part, so that the encoder must have a name.
  bool wants_encoder();
  /// The encoder's name: its fingerprint and whatever else changes its numbers. Without one the
  /// disk takes no part.
  void set_encoder(std::string name);

  /// `width` is the embedding's length; what is stored with another isn't used.
  std::optional<std::vector<float>> find(const std::string& key, std::size_t width);
  void put(const std::string& key, std::span<const float> embedding);

  /// The same as sha256_file, but files that have been hashed before, and have not been touched
  /// since, aren't read again. `recorded` is believed of others, unless it is empty.
  std::string file_sha256(const std::filesystem::path& path, const std::string& recorded = {});

 private:
  struct Entry {
    std::string key;
    std::vector<float> embedding;
  };
  struct KnownHash {
    FileStamp stamp;
    std::string sha256;
  };

  EmbeddingStore* store();
  template <typename Work>
  void with_store(Work work);
  /// What one file's or buffer's content is known by; nothing as key_of.
  std::optional<std::string> content_key(const std::string& name, ByteView bytes);
  void move_aside();
  std::string disk_key(const std::string& key) const;
  void remember(const std::string& key, std::span<const float> embedding);
  void keep_hash(const std::filesystem::path& path, const FileStamp& stamp,
                 const std::string& sha256);

  const EmbeddingCacheOptions options_;
  std::mutex mutex_;          // guards all below
  std::list<Entry> entries_;  // the last used one in front
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  std::size_t memory_bytes_ = 0;
  std::map<std::filesystem::path, KnownHash> hashes_;
  std::string encoder_;
  std::unique_ptr<EmbeddingStore> store_;
  bool disk_works_;
};

}  // namespace pandagpt
