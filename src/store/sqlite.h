// SQLite with RAII owners and Error.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {

class Statement;

/// A file that is damaged, or no database.
class DamagedDatabase : public Error {
 public:
  using Error::Error;
};

/// One connection; for one thread at a time.
class Database {
 public:
  enum class Missing { kFail, kCreate };

  /// A file that can't be written is opened for reading; others for writing too, since what a
  /// killed process has left half done is undone by the next one, be it a reader. Throws
  /// Error(kInput) if the file can't be opened, DamagedDatabase if it is no database. Another
  /// process's locks are waited for, up to `patience`.
  Database(const std::filesystem::path& path, Missing missing,
           std::chrono::milliseconds patience = std::chrono::seconds(30));

  /// For statements without results; several may be separated by ';'.
  void run(const std::string& sql);
  /// Rows changed by the last statement.
  std::int64_t changes() const;
  std::int64_t last_row_id() const;
  /// The number that a pragma has, 0 if it has none.
  std::int64_t pragma(const std::string& name) const;
  /// For a database in write-ahead mode: the last process that closes it doesn't move the log into
  /// the file, which takes a flush to disk. That is done when the log has grown.
  void keep_log_on_close();

  /// Throws what a return code means: DamagedDatabase or another Error.
  [[noreturn]] void fail(int code) const;

 private:
  friend class Statement;
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::string name_;
  std::unique_ptr<sqlite3, Closer> handle_;
};

/// A prepared statement:
///   Statement find(db, "SELECT size FROM files WHERE path = ?");
///   if (find.bind(path).step()) size = find.integer(0);
class Statement {
 public:
  Statement(const Database& database, std::string_view sql);

  /// Values of the placeholders, from the left. Begins anew after step().
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind_text(std::string_view value);
  Statement& bind_blob(std::span<const std::uint8_t> value);
  Statement& bind_null();

  /// True if there is a row; false at the end, after which the statement may be bound again.
  bool step();
  /// step() for statements without results.
  void run();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  /// Valid until the next step().
  ByteView blob(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  void begin();
  void check(int code) const;

  const Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
  int n_bound_ = 0;
  bool stepping_ = false;
};

/// Everything between construction and commit() happens or nothing does.
class Transaction {
 public:
  /// `write`: takes the write lock at once instead of with the first change.
  explicit Transaction(Database& database, bool write = false);
  /// Undoes what was not committed.
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace pandagpt
