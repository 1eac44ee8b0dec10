// Embeds a list of items of any length.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "pandagpt/embedder.h"

namespace pandagpt {

/// Every n_shards-th line, beginning with line `shard`: processes with the same list and other
/// shards share the work, on one machine or many.
struct Shard {
  int index = 0;  ///< 0 .. count - 1
  int count = 1;

  bool has(std::int64_t line) const { return (line - 1) % count == index; }
};
/// "i/n". Throws Error(kUsage) for anything else.
Shard parse_shard(const std::string& text);

struct EmbedJobOptions {
  std::filesystem::path manifest;  ///< item_reader.h; "-": standard input
  std::filesystem::path root;      ///< of relative paths
  std::filesystem::path out;       ///< vector_file.h
  SensorOptions sensor;            ///< of all inputs of the list
  Shard shard;
  bool normalize = false;  ///< bring every embedding to length 1
  bool restart = false;
  int n_workers = 2;   ///< items are decoded side by side and beside the encoder
  int batch_size = 8;  ///< items of a worker
};

struct EmbedJobResult {
  std::int64_t n_embedded = 0;
  std::int64_t n_failed = 0;
};

/// Streams the list; items that fail are noted in the index and left out. Throws Error(kInput) if
/// the list can't be read, and as VectorFile does.
EmbedJobResult run_embed_job(const Embedder& embedder, const EmbedJobOptions& options);

}  // namespace pandagpt
