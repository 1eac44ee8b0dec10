// Uploaded files: stored under the SHA-256 of their content, with an SQLite index. Several servers
// may share one folder, so that any of them can answer a request about a file; also over a network
// file system with locks (NFSv4).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "server/server_options.h"
#include "store/sqlite.h"

namespace pandagpt {

struct StoredFile {
  std::string id;         ///< "file-" and the SHA-256: the same content has the same id
  std::string file_name;  ///< as it was uploaded; never used as a path
  std::string purpose;
  std::uint64_t bytes = 0;
  std::int64_t created_at = 0;  ///< Unix time, of the first upload
  std::int64_t expires_at = 0;  ///< moves with each use
};

/// May be used by several threads at once.
class FileStore {
 public:
  /// Makes the folder if there is none. Throws Error(kUsage) if it can't be used.
  explicit FileStore(const FileStoreOptions& options);

  /// Where the contents lie, by id.
  static std::filesystem::path objects_folder(const FileStoreOptions& options);
  /// Whether `text` has the form of an id.
  static bool is_id(const std::string& text);

  /// A file on its way in: removed again unless finish() is reached.
  class Upload {
   public:
    explicit Upload(FileStore& store);
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    /// Throws ApiError 413 beyond max_file_bytes, Error(kInternal) on a full disk.
    void write(ByteView bytes);
    /// Throws ApiError 400 for an empty file.
    StoredFile finish(const std::string& file_name, const std::string& purpose);

   private:
    FileStore& store_;
    std::filesystem::path path_;
    std::ofstream out_;
    std::uint64_t bytes_ = 0;
  };

  /// The path of a file, whose life is prolonged. Throws ApiError 404.
  std::filesystem::path use(const std::string& id);
  /// Throws ApiError 404.
  StoredFile find(const std::string& id);
  /// The newest first.
  std::vector<StoredFile> list(std::size_t most);
  /// Throws ApiError 404.
  void remove(const std::string& id);
  /// Bytes stored now.
  std::uint64_t total_bytes();

  const FileStoreOptions& options() const { return options_; }

 private:
  StoredFile add(const std::filesystem::path& content, std::uint64_t bytes,
                 const std::string& file_name, const std::string& purpose);
  std::filesystem::path path_of(const std::string& id) const;
  // Of the database's writer.
  void drop(const std::string& id);
  void drop_expired();
  void make_room(std::uint64_t bytes);
  std::uint64_t stored_bytes();

  FileStoreOptions options_;
  std::mutex mutex_;  // guards all below
  std::optional<Database> database_;
};

}  // namespace pandagpt
