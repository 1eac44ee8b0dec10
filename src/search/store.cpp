#include "search/store.h"

#include <openssl/rand.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "core/file.h"
#include "pandagpt/error.h"
#include "search/kinds.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDatabaseName = "search.db";
constexpr std::int64_t kApplicationId = 0x50475349;  // "PGSI", in the header of the file
constexpr std::int64_t kSchemaVersion = 1;

// The triggers let a kind's generation move with its set of vectors, whatever is done to it.
constexpr const char* kSchema = R"(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE kinds (kind TEXT PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE vectors (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL REFERENCES kinds,
  sha256 TEXT NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL,
  seconds REAL NOT NULL, frames_per_second REAL NOT NULL,
  sample_rate INTEGER NOT NULL, channels INTEGER NOT NULL,
  vector BLOB NOT NULL,
  UNIQUE (kind, sha256));
CREATE TABLE files (
  path BLOB PRIMARY KEY,
  size INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  named_kind TEXT NOT NULL,
  vector_id INTEGER REFERENCES vectors,
  error TEXT);
CREATE INDEX files_of_vector ON files (vector_id);
CREATE TRIGGER vector_came AFTER INSERT ON vectors BEGIN
  UPDATE kinds SET generation = generation + 1 WHERE kind = NEW.kind;
END;
CREATE TRIGGER vector_went AFTER DELETE ON vectors BEGIN
  UPDATE kinds SET generation = generation + 1 WHERE kind = OLD.kind;
END;
)";

// Added later; indexes of earlier versions get it when they are written to.
constexpr const char* kLeftOutSchema =
    "CREATE TABLE IF NOT EXISTS left_out (path BLOB PRIMARY KEY, reason INTEGER NOT NULL)";

constexpr const char* kDropAll = R"(
DROP TABLE IF EXISTS left_out; DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS vectors; DROP TABLE IF EXISTS kinds;
DROP TABLE IF EXISTS meta;)";

// Paths are bytes, not text: they needn't be UTF-8.
ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string random_id() {
  std::array<std::uint8_t, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw Error(ErrorKind::kInternal, "this system gives no random numbers");
  return sha256_hex(bytes).substr(0, 2 * bytes.size());
}

// What paths below a folder are not less than, and less than, as bytes.
std::pair<std::string, std::string> range_below(const fs::path& root) {
  std::string first = root.string();
  if (!first.ends_with('/')) first += '/';
  std::string last = first;
  last.back() = '/' + 1;
  return {first, last};
}

// Numbers of a vector are stored as little-endian IEEE floats.
static_assert(std::endian::native == std::endian::little);

}  // namespace

std::string to_string(LeftOutReason reason) {
  switch (reason) {
    case LeftOutReason::kOtherKind:
      return "no picture, film or sound by its ending or its first bytes";
    case LeftOutReason::kNotTaken:
      return "of a kind that the model doesn't take";
    case LeftOutReason::kHidden:
      return "its name starts with a dot (--hidden takes it)";
    case LeftOutReason::kLink:
      return "a link to a folder (--follow-links takes it)";
    case LeftOutReason::kNoFile:
      break;
  }
  return "no regular file, or a link that leads nowhere";
}

bool Store::exists(const fs::path& folder) {
  std::error_code code;
  return fs::exists(folder / kDatabaseName, code);
}

Store::Store(fs::path folder, Database database)
    : folder_(std::move(folder)), database_(std::move(database)) {
  database_.run("PRAGMA foreign_keys = ON");
}

Store Store::open(const fs::path& folder) {
  if (!exists(folder))
    throw Error(ErrorKind::kInput,
                folder.string() +
                    ": no search index here; make one with 'pandagpt search index "
                    "FOLDER --db " +
                    folder.string() + "'");
  Store store(folder, Database(folder / kDatabaseName, Database::Missing::kFail));
  store.check_application();
  store.check_version();
  store.read_meta();
  return store;
}

Store Store::open_or_create(const fs::path& folder, const ModelStamp& model, bool rebuild) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw Error(ErrorKind::kInput, folder.string() + ": can't be made: " + code.message());
  Store store(folder, Database(folder / kDatabaseName, Database::Missing::kCreate));
  // A process that was killed while it made the database leaves one without a version.
  const bool empty =
      store.database_.pragma("user_version") == 0 && store.database_.pragma("application_id") == 0;
  if (!empty) store.check_application();
  if (empty || rebuild) {
    store.create(model);
  } else {
    store.check_version();
    store.database_.run(kLeftOutSchema);
  }
  store.read_meta();
  if (store.model_.fingerprint != model.fingerprint)
    throw Error(ErrorKind::kModel,
                folder.string() + ": made with the model " + store.model_.name +
                    ", whose vectors can't be compared with those of " + model.name +
                    "; use that model, another --db, or --rebuild to index everything anew");
  return store;
}

void Store::check_application() const {
  if (database_.pragma("application_id") != kApplicationId)
    throw Error(ErrorKind::kInput, (folder_ / kDatabaseName).string() +
                                       ": no search index of this program; choose another --db");
}

void Store::check_version() const {
  const std::int64_t version = database_.pragma("user_version");
  if (version != kSchemaVersion)
    throw Error(ErrorKind::kInput,
                folder_.string() + ": made by another version of this program (format " +
                    std::to_string(version) + ", this one reads " + std::to_string(kSchemaVersion) +
                    "); delete it and index again");
}

void Store::create(const ModelStamp& model) {
  Transaction transaction(database_, /*write=*/true);
  database_.run(kDropAll);
  database_.run(kSchema);
  database_.run(kLeftOutSchema);
  const auto put_meta = [&](const char* key, const std::string& value) {
    Statement(database_, "INSERT INTO meta VALUES (?, ?)").bind_text(key).bind_text(value).run();
  };
  put_meta("id", random_id());
  put_meta("model", model.model);
  put_meta("model_name", model.name);
  put_meta("fingerprint", model.fingerprint);
  put_meta("width", std::to_string(model.width));
  for (const Modality kind : kAllModalities)
    Statement(database_, "INSERT INTO kinds VALUES (?, 0)").bind_text(to_string(kind)).run();
  database_.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  database_.run("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  transaction.commit();
}

void Store::read_meta() {
  const auto value_of = [this](const char* key) {
    Statement find(database_, "SELECT value FROM meta WHERE key = ?");
    return find.bind_text(key).step() ? find.text(0) : std::string();
  };
  id_ = value_of("id");
  model_ = {value_of("model"), value_of("model_name"), value_of("fingerprint"), 0};
  try {
    model_.width = std::stoi(value_of("width"));
  } catch (const std::exception&) {  // judged below
  }
  if (id_.empty() || model_.fingerprint.empty() || model_.width < 1)
    throw Error(ErrorKind::kInput,
                folder_.string() +
                    ": the database lacks what it must say about itself; delete it "
                    "and index again");
}

std::map<fs::path, KnownFile> Store::files_below(const fs::path& root) const {
  const auto [first, last] = range_below(root);
  Statement list(database_,
                 "SELECT path, size, modified_ns, named_kind, vector_id FROM files "
                 "WHERE path >= ? AND path < ?");
  list.bind_blob(bytes_of(first)).bind_blob(bytes_of(last));
  std::map<fs::path, KnownFile> files;
  while (list.step())
    files[list.text(0)] = {{list.integer(1), list.integer(2), parse_kind(list.text(3))},
                           !list.is_null(4)};
  return files;
}

std::int64_t Store::n_files(Modality kind) const {
  Statement count(database_,
                  "SELECT count(*) FROM files JOIN vectors ON vectors.id = vector_id "
                  "WHERE kind = ?");
  return count.bind_text(to_string(kind)).step() ? count.integer(0) : 0;
}

std::int64_t Store::n_vectors(Modality kind) const {
  Statement count(database_, "SELECT count(*) FROM vectors WHERE kind = ?");
  return count.bind_text(to_string(kind)).step() ? count.integer(0) : 0;
}

std::vector<FailedFile> Store::failures() const {
  Statement list(database_, "SELECT path, error FROM files WHERE vector_id IS NULL ORDER BY path");
  std::vector<FailedFile> failures;
  while (list.step())
    failures.push_back({list.text(0), list.text(1)});
  return failures;
}

std::optional<std::int64_t> Store::find_vector(Modality kind, const std::string& sha256) const {
  Statement find(database_, "SELECT id FROM vectors WHERE kind = ? AND sha256 = ?");
  if (!find.bind_text(to_string(kind)).bind_text(sha256).step()) return std::nullopt;
  return find.integer(0);
}

std::int64_t Store::insert_vector(const Content& content, std::span<const float> vector) {
  if (vector.size() != static_cast<std::size_t>(model_.width))
    throw Error(ErrorKind::kInternal, "a vector of another width than the index's");
  const MediaFacts& facts = content.facts;
  Statement(database_,
            "INSERT INTO vectors (kind, sha256, width, height, seconds, frames_per_second, "
            "sample_rate, channels, vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind_text(to_string(content.kind))
      .bind_text(content.sha256)
      .bind(std::int64_t{facts.width})
      .bind(std::int64_t{facts.height})
      .bind(facts.seconds)
      .bind(facts.frames_per_second)
      .bind(std::int64_t{facts.sample_rate})
      .bind(std::int64_t{facts.channels})
      .bind_blob({reinterpret_cast<const std::uint8_t*>(vector.data()), vector.size_bytes()})
      .run();
  return database_.last_row_id();
}

void Store::put(const fs::path& path, const FileState& state, std::optional<std::int64_t> vector_id,
                const std::string& error) {
  Statement statement(
      database_,
      "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE "
      "SET size = excluded.size, modified_ns = excluded.modified_ns, named_kind = "
      "excluded.named_kind, vector_id = excluded.vector_id, error = excluded.error");
  statement.bind_blob(bytes_of(path.native()))
      .bind(state.size)
      .bind(state.modified_ns)
      .bind_text(to_string(state.named_kind));
  if (vector_id) {
    statement.bind(*vector_id).bind_null();
  } else {
    statement.bind_null().bind_text(error);
  }
  statement.run();
}

void Store::put_file(const fs::path& path, const FileState& state, const Content& content) {
  const auto id = find_vector(content.kind, content.sha256);
  if (!id) throw Error(ErrorKind::kInternal, path.string() + ": its vector is gone");
  put(path, state, id, {});
}

void Store::put_file(const fs::path& path, const FileState& state, const Content& content,
                     std::span<const float> vector) {
  auto id = find_vector(content.kind, content.sha256);
  if (!id) id = insert_vector(content, vector);
  put(path, state, id, {});
}

void Store::put_failure(const fs::path& path, const FileState& state, const std::string& error) {
  put(path, state, std::nullopt, error);
}

std::vector<LeftOutFile> Store::left_out() const {
  Statement known(database_, "SELECT 1 FROM sqlite_master WHERE name = 'left_out'");
  std::vector<LeftOutFile> files;
  if (!known.step()) return files;
  Statement list(database_, "SELECT path, reason FROM left_out ORDER BY path");
  while (list.step())
    files.push_back({list.text(0), static_cast<LeftOutReason>(list.integer(1))});
  return files;
}

void Store::replace_left_out(const fs::path& root, std::span<const LeftOutFile> files) {
  const auto [first, last] = range_below(root);
  Statement(database_, "DELETE FROM left_out WHERE path >= ? AND path < ?")
      .bind_blob(bytes_of(first))
      .bind_blob(bytes_of(last))
      .run();
  for (const LeftOutFile& one : files)
    Statement(database_, "INSERT OR REPLACE INTO left_out VALUES (?, ?)")
        .bind_blob(bytes_of(one.path.native()))
        .bind(static_cast<std::int64_t>(one.reason))
        .run();
}

void Store::drop_file(const fs::path& path) {
  Statement(database_, "DELETE FROM files WHERE path = ?").bind_blob(bytes_of(path.native())).run();
}

void Store::forget_unused() {
  database_.run(
      "DELETE FROM vectors WHERE NOT EXISTS (SELECT 1 FROM files WHERE vector_id = vectors.id)");
}

std::vector<Content> Store::contents() const {
  Statement list(database_, "SELECT kind, sha256 FROM vectors");
  std::vector<Content> contents;
  while (list.step())
    contents.push_back({parse_kind(list.text(0)), list.text(1), {}});
  return contents;
}

std::int64_t Store::generation(Modality kind) const {
  Statement find(database_, "SELECT generation FROM kinds WHERE kind = ?");
  return find.bind_text(to_string(kind)).step() ? find.integer(0) : 0;
}

std::vector<std::int64_t> Store::vector_ids(Modality kind) const {
  Statement list(database_, "SELECT id FROM vectors WHERE kind = ? ORDER BY id");
  list.bind_text(to_string(kind));
  std::vector<std::int64_t> ids;
  while (list.step())
    ids.push_back(list.integer(0));
  return ids;
}

std::vector<float> Store::vector(std::int64_t id) const {
  Statement find(database_, "SELECT vector FROM vectors WHERE id = ?");
  std::vector<float> row(static_cast<std::size_t>(model_.width));
  if (!find.bind(id).step() || find.blob(0).size() != row.size() * sizeof(float))
    throw Error(ErrorKind::kInput,
                folder_.string() + ": vector " + std::to_string(id) +
                    " is missing or has another width; delete the index and make it again");
  std::memcpy(row.data(), find.blob(0).data(), row.size() * sizeof(float));
  return row;
}

std::optional<IndexedContent> Store::content(std::int64_t id) const {
  Statement find(database_,
                 "SELECT kind, sha256, width, height, seconds, frames_per_second, sample_rate, "
                 "channels FROM vectors WHERE id = ?");
  if (!find.bind(id).step()) return std::nullopt;
  IndexedContent result;
  result.content = {parse_kind(find.text(0)), find.text(1), {}};
  MediaFacts& facts = result.content.facts;
  facts.width = static_cast<int>(find.integer(2));
  facts.height = static_cast<int>(find.integer(3));
  facts.seconds = find.real(4);
  facts.frames_per_second = find.real(5);
  facts.sample_rate = static_cast<int>(find.integer(6));
  facts.channels = static_cast<int>(find.integer(7));
  Statement list(database_, "SELECT path, size FROM files WHERE vector_id = ? ORDER BY path");
  list.bind(id);
  while (list.step())
    result.files.push_back({list.text(0), list.integer(1)});
  return result;
}

}  // namespace pandagpt
