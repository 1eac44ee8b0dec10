#include "pipeline/embedding_store.h"

#include <bit>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/file.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kApplicationId = 0x70616E63;  // "panc"
constexpr std::int64_t kSchemaVersion = 1;
/// A cache is not worth waiting for.
constexpr auto kPatience = std::chrono::milliseconds(500);
/// Of a row beside its vector: key, checksum, time of use, and their places in the two indexes.
constexpr std::int64_t kRowOverhead = 200;

// Numbers of a vector are stored as little-endian IEEE floats.
static_assert(std::endian::native == std::endian::little);

constexpr const char* kDropAll =
    "DROP TABLE IF EXISTS embeddings; DROP TABLE IF EXISTS file_hashes; "
    "DROP TABLE IF EXISTS totals";

// The triggers keep the sums, which would take a pass over the table otherwise.
constexpr const char* kSchema = R"(
  CREATE TABLE embeddings (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, vector BLOB NOT NULL,
    checksum TEXT NOT NULL, used INTEGER NOT NULL);
  CREATE INDEX embeddings_by_use ON embeddings (used);
  CREATE TABLE file_hashes (
    id INTEGER PRIMARY KEY, path BLOB UNIQUE NOT NULL, device INTEGER, inode INTEGER, size INTEGER,
    modified_ns INTEGER, changed_ns INTEGER, sha256 TEXT NOT NULL, used INTEGER NOT NULL);
  CREATE INDEX file_hashes_by_use ON file_hashes (used);
  CREATE TABLE totals (embeddings INTEGER, bytes INTEGER);
  INSERT INTO totals VALUES (0, 0);
  CREATE TRIGGER embedding_comes AFTER INSERT ON embeddings BEGIN
    UPDATE totals SET embeddings = embeddings + 1, bytes = bytes + length(NEW.vector);
  END;
  CREATE TRIGGER embedding_goes AFTER DELETE ON embeddings BEGIN
    UPDATE totals SET embeddings = embeddings - 1, bytes = bytes - length(OLD.vector);
  END;
)";

/// The file, behind its folder, which is made for this user alone.
const fs::path& prepared(const fs::path& file) {
  const fs::path folder = file.parent_path();
  std::error_code code;
  if (folder.empty() || !fs::create_directories(folder, code)) return file;
  fs::permissions(folder, fs::perms::owner_all, code);
  return file;
}

/// Write-ahead mode: readers don't wait for a writer, nor it for them, and a commit takes no flush
/// to disk. SQLite doesn't wait while two processes change the mode of a new file at once, so we
/// do.
void keep_log(Database& database) {
  constexpr int kAttempts = 50;
  for (int attempt = 1;; ++attempt) {
    try {
      database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
      break;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInternal || attempt == kAttempts) throw;
    }
    std::this_thread::sleep_for(kPatience / kAttempts);
  }
  database.keep_log_on_close();
}

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ByteView bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string checksum(const std::string& key, ByteView vector) {
  Bytes bytes(key.begin(), key.end());
  bytes.insert(bytes.end(), vector.begin(), vector.end());
  return sha256_hex(bytes).substr(0, 16);
}

}  // namespace

EmbeddingStore::EmbeddingStore(const fs::path& file, const EmbeddingStoreLimits& limits)
    : limits_(limits), database_(prepared(file), Database::Missing::kCreate, kPatience) {
  const std::int64_t application = database_.pragma("application_id");
  const std::int64_t version = database_.pragma("user_version");
  if (application == kApplicationId && version == kSchemaVersion) {
    database_.run("PRAGMA synchronous = NORMAL");
    database_.keep_log_on_close();
    return;
  }
  if (application != kApplicationId && database_.pragma("schema_version") != 0)
    throw Error(ErrorKind::kInput,
                file.string() + ": is no cache of this program; name another file");
  create();
}

void EmbeddingStore::create() {
  keep_log(database_);
  Transaction transaction(database_, /*write=*/true);
  const bool made_by_another = database_.pragma("application_id") == kApplicationId &&
                               database_.pragma("user_version") == kSchemaVersion;
  if (made_by_another) return;
  database_.run(kDropAll);
  database_.run(kSchema);
  database_.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  database_.run("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  transaction.commit();
}

void EmbeddingStore::touch(const char* sql, std::int64_t row) {
  Statement(database_, sql).bind(now()).bind(row).run();
}

std::optional<std::vector<float>> EmbeddingStore::find(const std::string& key) {
  std::optional<std::vector<float>> vector;
  std::int64_t row = 0;
  {
    Statement find(database_, "SELECT id, vector, checksum FROM embeddings WHERE key = ?");
    if (!find.bind_text(key).step()) return std::nullopt;
    const ByteView bytes = find.blob(1);
    if (find.text(2) != checksum(key, bytes) || bytes.size() % sizeof(float) != 0)
      throw DamagedDatabase(ErrorKind::kInput, "the cache of embeddings is damaged");
    row = find.integer(0);
    vector.emplace(bytes.size() / sizeof(float));
    std::memcpy(vector->data(), bytes.data(), bytes.size());
  }
  touch("UPDATE embeddings SET used = ? WHERE id = ?", row);
  return vector;
}

void EmbeddingStore::put(const std::string& key, std::span<const float> embedding) {
  const ByteView bytes = bytes_of(embedding);
  Transaction transaction(database_, /*write=*/true);
  Statement(database_,
            "INSERT INTO embeddings (key, vector, checksum, used) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET used = excluded.used")
      .bind_text(key)
      .bind_blob(bytes)
      .bind_text(checksum(key, bytes))
      .bind(now())
      .run();
  evict();
  transaction.commit();
}

void EmbeddingStore::evict() {
  Statement remove(database_,
                   "DELETE FROM embeddings WHERE id = "
                   "(SELECT id FROM embeddings ORDER BY used, id LIMIT 1)");
  std::int64_t n = n_embeddings();
  while (n > 0 && (n > limits_.max_embeddings || bytes() > limits_.max_bytes)) {
    remove.run();
    --n;
  }
}

std::optional<std::string> EmbeddingStore::find_hash(const fs::path& path, const FileStamp& stamp) {
  std::string sha256;
  std::int64_t row = 0;
  {
    Statement find(database_,
                   "SELECT id, sha256 FROM file_hashes WHERE path = ? AND device = ? AND inode = ? "
                   "AND size = ? AND modified_ns = ? AND changed_ns = ?");
    find.bind_blob(bytes_of(path.string()))
        .bind(static_cast<std::int64_t>(stamp.device))
        .bind(static_cast<std::int64_t>(stamp.inode))
        .bind(static_cast<std::int64_t>(stamp.size))
        .bind(stamp.modified_ns)
        .bind(stamp.changed_ns);
    if (!find.step()) return std::nullopt;
    row = find.integer(0);
    sha256 = find.text(1);
  }
  if (!is_sha256(sha256))
    throw DamagedDatabase(ErrorKind::kInput, "the cache of hashes is damaged");
  touch("UPDATE file_hashes SET used = ? WHERE id = ?", row);
  return sha256;
}

void EmbeddingStore::put_hash(const fs::path& path, const FileStamp& stamp,
                              const std::string& sha256) {
  Transaction transaction(database_, /*write=*/true);
  Statement(database_,
            "REPLACE INTO file_hashes "
            "(path, device, inode, size, modified_ns, changed_ns, sha256, used) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind_blob(bytes_of(path.string()))
      .bind(static_cast<std::int64_t>(stamp.device))
      .bind(static_cast<std::int64_t>(stamp.inode))
      .bind(static_cast<std::int64_t>(stamp.size))
      .bind(stamp.modified_ns)
      .bind(stamp.changed_ns)
      .bind_text(sha256)
      .bind(now())
      .run();
  Statement(database_,
            "DELETE FROM file_hashes WHERE id IN "
            "(SELECT id FROM file_hashes ORDER BY used DESC, id DESC LIMIT -1 OFFSET ?)")
      .bind(limits_.max_hashes)
      .run();
  transaction.commit();
}

std::int64_t EmbeddingStore::n_embeddings() {
  Statement total(database_, "SELECT embeddings FROM totals");
  return total.step() ? total.integer(0) : 0;
}

std::uint64_t EmbeddingStore::bytes() {
  Statement total(database_, "SELECT bytes + embeddings * ? FROM totals");
  return total.bind(kRowOverhead).step() ? static_cast<std::uint64_t>(total.integer(0)) : 0;
}

}  // namespace pandagpt
