#include "server/file_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "core/utf8.h"
#include "pandagpt/error.h"
#include "server/api_error.h"
#include "server/random_id.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kIdPrefix = "file-";
constexpr const char* kObjects = "objects";
constexpr const char* kIncoming = "incoming";
constexpr const char* kIndex = "files.db";
constexpr std::size_t kMaxNameBytes = 255;
constexpr const char* kNameless = "the uploaded file";
/// No upload takes so long: what is older was left behind by a server that was killed.
constexpr auto kAbandonedAfter = std::chrono::hours(24);
constexpr int kSchemaVersion = 2;  // the first one had no number, and its files no owner
constexpr const char* kSchema = R"(
  CREATE TABLE files (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, file_name TEXT NOT NULL, purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL);
  CREATE INDEX files_by_use ON files (used_at);
  CREATE INDEX files_by_expiry ON files (expires_at);
  CREATE INDEX files_by_owner ON files (owner, created_at);
)";
constexpr const char* kOwnerDomain = "pandagpt uploads: ";
constexpr const char* kColumns = "id, file_name, purpose, bytes, created_at, expires_at";

std::int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

StoredFile row_of(const Statement& row) {
  StoredFile file;
  file.id = row.text(0);
  file.file_name = row.text(1);
  file.purpose = row.text(2);
  file.bytes = static_cast<std::uint64_t>(row.integer(3));
  file.created_at = row.integer(4);
  file.expires_at = row.integer(5);
  return file;
}

void drop_abandoned(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    std::error_code gone;  // other servers look after it too
    const auto written = entry.last_write_time(gone);
    if (!gone && written + kAbandonedAfter < fs::file_time_type::clock::now())
      fs::remove(entry.path(), gone);
  }
}

[[noreturn]] void fail_unknown(const std::string& id) {
  throw ApiError::not_found("there is no file '" +
                            (FileStore::is_id(id) ? id : std::string("(no id)")) +
                            "': it has expired, was deleted, or never uploaded");
}

}  // namespace

std::string owner_of_key(std::string_view api_key) {
  const std::string text = kOwnerDomain + std::string(api_key);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string shown_file_name(const std::string& name) {
  const std::string last = name.substr(name.find_last_of("/\\") + 1);
  return last.size() <= kMaxNameBytes && is_printable_utf8(last) ? last : std::string();
}

FileStore::FileStore(const FileStoreOptions& options) : options_(options) {
  try {
    for (const char* part : {kObjects, kIncoming})
      fs::create_directories(options_.folder / part);
    fs::permissions(options_.folder, fs::perms::owner_all);
    drop_abandoned(options_.folder / kIncoming);
    database_.emplace(options_.folder / kIndex, Database::Missing::kCreate);
    prepare();
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kUsage, options_.folder.string() +
                                       ": uploaded files can't be stored there: " + error.what());
  }
}

fs::path FileStore::objects_folder() const {
  return options_.folder / kObjects;
}

void FileStore::prepare() {
  // Not write-ahead mode, which needs memory that all processes share: servers on several machines
  // may use one folder over a network, if it has locks (NFSv4 does).
  database_->run("PRAGMA journal_mode = TRUNCATE");
  Transaction transaction(*database_, /*write=*/true);
  const std::int64_t version = database_->pragma("user_version");
  if (version > kSchemaVersion)
    throw Error(ErrorKind::kUsage, "a newer version of this program has written it");
  if (version < kSchemaVersion) {
    database_->run("DROP TABLE IF EXISTS files");
    database_->run(kSchema);
    database_->run("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  }
  const std::size_t n_strays = drop_strays();
  transaction.commit();
  if (version < kSchemaVersion && n_strays > 0)
    spdlog::warn("{}: {} uploaded files of an earlier version were deleted: they had no owner",
                 options_.folder.string(), n_strays);
}

std::size_t FileStore::drop_strays() {
  Statement known(*database_, "SELECT 1 FROM files WHERE id = ?");
  std::size_t n_dropped = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(objects_folder())) {
    const bool is_known = known.bind_text(entry.path().filename().string()).step();
    if (is_known) {
      known.step();
      continue;
    }
    std::error_code ignored;
    n_dropped += fs::remove(entry.path(), ignored) ? 1 : 0;
  }
  return n_dropped;
}

bool FileStore::is_id(const std::string& text) {
  const std::string_view prefix = kIdPrefix;
  return text.size() == prefix.size() + kRandomIdDigits && text.starts_with(prefix) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(prefix.size()), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

fs::path FileStore::path_of(const std::string& id) const {
  return objects_folder() / id;
}

// Numbers of processes aren't names: in containers they are all alike.
FileStore::Upload::Upload(FileStore& store, std::string owner)
    : store_(store),
      owner_(std::move(owner)),
      path_(store.options_.folder / kIncoming / random_id("upload-")) {
  out_.open(path_, std::ios::binary | std::ios::trunc);
}

FileStore::Upload::~Upload() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

void FileStore::Upload::write(ByteView bytes) {
  bytes_ += bytes.size();
  if (bytes_ > store_.options_.max_file_bytes)
    throw ApiError::too_large("the file is larger than the limit of " +
                              std::to_string(store_.options_.max_file_bytes) + " bytes");
  out_.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!out_)
    throw Error(ErrorKind::kInternal, "the file can't be stored: the disk of the store is full");
}

StoredFile FileStore::Upload::finish(const std::string& file_name, const std::string& purpose) {
  out_.close();
  if (!out_)
    throw Error(ErrorKind::kInternal, "the file can't be stored: the disk of the store is full");
  if (bytes_ == 0) throw ApiError::invalid("the file is empty", "file");
  return store_.add(path_, owner_, bytes_, file_name, purpose);
}

StoredFile FileStore::add(const fs::path& content, const std::string& owner, std::uint64_t bytes,
                          const std::string& file_name, const std::string& purpose) {
  const std::int64_t now = unix_time();
  const std::string name = shown_file_name(file_name);
  const StoredFile file{.id = random_id(kIdPrefix),
                        .file_name = name.empty() ? kNameless : name,
                        .purpose = purpose,
                        .bytes = bytes,
                        .created_at = now,
                        .expires_at = now + options_.seconds_to_live};
  const std::lock_guard lock(mutex_);
  // Files come and go under the database's write lock only: another server can't take a file away
  // between its coming and its row.
  Transaction transaction(*database_, /*write=*/true);
  make_room(bytes);
  // First the file, then its row: a row without a file would be a promise that isn't kept.
  fs::rename(content, path_of(file.id));
  Statement(*database_,
            "INSERT INTO files (id, owner, file_name, purpose, bytes, created_at, expires_at, "
            "used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind_text(file.id)
      .bind_text(owner)
      .bind_text(file.file_name)
      .bind_text(file.purpose)
      .bind(static_cast<std::int64_t>(bytes))
      .bind(file.created_at)
      .bind(file.expires_at)
      .bind(now)
      .run();
  transaction.commit();
  return file;
}

void FileStore::drop(const std::string& id) {
  Statement(*database_, "DELETE FROM files WHERE id = ?").bind_text(id).run();
  std::error_code ignored;
  fs::remove(path_of(id), ignored);
}

void FileStore::drop_expired() {
  std::vector<std::string> ids;
  Statement expired(*database_, "SELECT id FROM files WHERE expires_at <= ?");
  expired.bind(unix_time());
  while (expired.step())
    ids.push_back(expired.text(0));
  for (const std::string& id : ids)
    drop(id);
}

std::uint64_t FileStore::stored_bytes() {
  Statement sum(*database_, "SELECT COALESCE(SUM(bytes), 0) FROM files");
  sum.step();
  return static_cast<std::uint64_t>(sum.integer(0));
}

void FileStore::make_room(std::uint64_t bytes) {
  if (bytes > options_.max_total_bytes)
    throw ApiError::too_large("the file is larger than the whole store of " +
                              std::to_string(options_.max_total_bytes) + " bytes");
  drop_expired();
  while (stored_bytes() + bytes > options_.max_total_bytes) {
    Statement oldest(*database_, "SELECT id FROM files ORDER BY used_at, id LIMIT 1");
    if (!oldest.step()) return;
    const std::string id = oldest.text(0);
    oldest.step();
    drop(id);
  }
}

fs::path FileStore::use(const std::string& id, const std::string& owner) {
  if (!is_id(id)) fail_unknown(id);
  const std::lock_guard lock(mutex_);
  const std::int64_t now = unix_time();
  Statement(*database_,
            "UPDATE files SET used_at = ?, expires_at = ? "
            "WHERE id = ? AND owner = ? AND expires_at > ?")
      .bind(now)
      .bind(now + options_.seconds_to_live)
      .bind_text(id)
      .bind_text(owner)
      .bind(now)
      .run();
  const fs::path path = path_of(id);
  // A server that was killed while it removed the file has left the row.
  if (database_->changes() == 0 || !fs::exists(path)) fail_unknown(id);
  return path;
}

StoredFile FileStore::find(const std::string& id, const std::string& owner) {
  if (!is_id(id)) fail_unknown(id);
  const std::lock_guard lock(mutex_);
  Statement get(*database_, std::string("SELECT ") + kColumns +
                                " FROM files WHERE id = ? AND owner = ? AND expires_at > ?");
  if (!get.bind_text(id).bind_text(owner).bind(unix_time()).step()) fail_unknown(id);
  return row_of(get);
}

std::vector<StoredFile> FileStore::list(const std::string& owner, std::size_t most) {
  const std::lock_guard lock(mutex_);
  {
    Transaction transaction(*database_, /*write=*/true);
    drop_expired();
    transaction.commit();
  }
  Statement all(*database_, std::string("SELECT ") + kColumns +
                                " FROM files WHERE owner = ? ORDER BY created_at DESC, id LIMIT ?");
  all.bind_text(owner).bind(static_cast<std::int64_t>(most));
  std::vector<StoredFile> files;
  while (all.step())
    files.push_back(row_of(all));
  return files;
}

void FileStore::remove(const std::string& id, const std::string& owner) {
  find(id, owner);
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, /*write=*/true);
  drop(id);
  transaction.commit();
}

std::string FileStore::with_file_names(std::string message) {
  const std::string folder = objects_folder().string() + "/";
  const std::size_t n_id = std::string_view(kIdPrefix).size() + kRandomIdDigits;
  for (std::size_t at = 0; (at = message.find(folder, at)) != std::string::npos;) {
    const std::string id = message.substr(at + folder.size(), n_id);
    const std::string name = is_id(id) ? name_of(id) : std::string(kNameless);
    message.replace(at, folder.size() + (is_id(id) ? n_id : 0), name);
    at += name.size();
  }
  return message;
}

std::string FileStore::name_of(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Statement get(*database_, "SELECT file_name FROM files WHERE id = ?");
  return get.bind_text(id).step() ? get.text(0) : kNameless;
}

std::uint64_t FileStore::total_bytes() {
  const std::lock_guard lock(mutex_);
  return stored_bytes();
}

}  // namespace pandagpt
