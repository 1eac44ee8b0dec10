#include "store/sqlite.h"

namespace pandagpt {
namespace fs = std::filesystem;

Database::Database(const fs::path& path, Missing missing, std::chrono::milliseconds patience)
    : name_(path.string()) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | (missing == Missing::kCreate ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(patience.count()));
}

void Database::fail(int code) const {
  const int error_number = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  const std::string why = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw DamagedDatabase(ErrorKind::kInput, name_ +
                                                   ": damaged, or no database of this program (" +
                                                   why + "); delete it, and it is made again");
    case SQLITE_CANTOPEN:
      throw Error(ErrorKind::kInput,
                  name_ + ": can't be opened" +
                      (error_number != 0 ? ": " + std::generic_category().message(error_number)
                                         : " (" + why + ")"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorKind::kInternal, name_ + ": another process keeps it locked; try again");
    case SQLITE_READONLY:
      throw Error(ErrorKind::kInput, name_ + ": can't be written (" + why + ")");
    default:
      throw Error(ErrorKind::kInternal, name_ + ": " + why);
  }
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Database::changes() const {
  return sqlite3_changes(handle_.get());
}

std::int64_t Database::last_row_id() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

std::int64_t Database::pragma(const std::string& name) const {
  Statement statement(*this, "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::keep_log_on_close() {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* handle = nullptr;
  check(sqlite3_prepare_v2(database.handle_.get(), sql.data(), static_cast<int>(sql.size()),
                           &handle, nullptr));
  handle_.reset(handle);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_.fail(code);
}

void Statement::begin() {
  if (!stepping_) return;
  sqlite3_reset(handle_.get());  // repeats the error of step(), which was thrown there
  stepping_ = false;
  n_bound_ = 0;
}

Statement& Statement::bind(std::int64_t value) {
  begin();
  check(sqlite3_bind_int64(handle_.get(), ++n_bound_, value));
  return *this;
}

Statement& Statement::bind(double value) {
  begin();
  check(sqlite3_bind_double(handle_.get(), ++n_bound_, value));
  return *this;
}

Statement& Statement::bind_text(std::string_view value) {
  begin();
  check(sqlite3_bind_text64(handle_.get(), ++n_bound_, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(std::span<const std::uint8_t> value) {
  begin();
  ++n_bound_;
  // A null pointer would be a null value.
  check(value.empty() ? sqlite3_bind_zeroblob(handle_.get(), n_bound_, 0)
                      : sqlite3_bind_blob64(handle_.get(), n_bound_, value.data(), value.size(),
                                            SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null() {
  begin();
  check(sqlite3_bind_null(handle_.get(), ++n_bound_));
  return *this;
}

bool Statement::step() {
  stepping_ = true;
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(code);
  begin();
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(handle_.get(), column);
}

std::string Statement::text(int column) const {
  const ByteView bytes = blob(column);
  return {bytes.begin(), bytes.end()};
}

ByteView Statement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Transaction::Transaction(Database& database, bool write) : database_(database) {
  database.run(write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {  // SQLite has rolled back already
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace pandagpt
