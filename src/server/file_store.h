// Uploaded files: stored under random ids, with an SQLite index. Each belongs to the client that
// stored it, and is not there for any other; the same content stored twice is two files, so that
// nobody learns what others have. Several servers may share one folder, so that any of them can
// answer a request about a file; also over a network file system with locks (NFSv4).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "server/server_options.h"
#include "store/sqlite.h"

namespace pandagpt {

struct StoredFile {
  std::string id;         ///< "file-" and 32 random digits: whoever knows it may use the file
  std::string file_name;  ///< as it was uploaded; never used as a path
  std::string purpose;
  std::uint64_t bytes = 0;
  std::int64_t created_at = 0;  ///< Unix time
  std::int64_t expires_at = 0;  ///< moves with each use
};

/// Whose files those of an API key are: a hash, from which the key can't be had back.
std::string owner_of_key(std::string_view api_key);

/// What may be shown of a client's name for its file: without folders; empty if it is not printable
/// or too long.
std::string shown_file_name(const std::string& name);

/// `owner` is owner_of_key(), or empty for all who come without a key. May be used by several
/// threads at once.
class FileStore {
 public:
  /// Makes the folder if there is none; files of versions in which they had no owner are deleted,
  /// with a warning. Throws Error(kUsage) if the folder can't be used.
  explicit FileStore(const FileStoreOptions& options);

  /// Whether `text` has the form of an id.
  static bool is_id(const std::string& text);

  /// A file on its way in: removed again unless finish() is reached.
  class Upload {
   public:
    Upload(FileStore& store, std::string owner);
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    /// Throws ApiError 413 beyond max_file_bytes, Error(kInternal) on a full disk.
    void write(ByteView bytes);
    /// Throws ApiError 400 for an empty file.
    StoredFile finish(const std::string& file_name, const std::string& purpose);

   private:
    FileStore& store_;
    std::string owner_;
    std::filesystem::path path_;
    std::ofstream out_;
    std::uint64_t bytes_ = 0;
  };

  /// The path of a file, whose life is prolonged. Throws ApiError 404.
  std::filesystem::path use(const std::string& id, const std::string& owner);
  /// Throws ApiError 404.
  StoredFile find(const std::string& id, const std::string& owner);
  /// The owner's files, the newest first.
  std::vector<StoredFile> list(const std::string& owner, std::size_t most);
  /// Throws ApiError 404.
  void remove(const std::string& id, const std::string& owner);
  /// `message`, with the names of files in place of their paths in this store.
  std::string with_file_names(std::string message);
  /// Bytes stored now.
  std::uint64_t total_bytes();

  const FileStoreOptions& options() const { return options_; }

 private:
  StoredFile add(const std::filesystem::path& content, const std::string& owner,
                 std::uint64_t bytes, const std::string& file_name, const std::string& purpose);
  std::filesystem::path objects_folder() const;  // of the contents, by id
  std::filesystem::path path_of(const std::string& id) const;
  std::string name_of(const std::string& id);
  // Of the database's writer.
  void prepare();
  std::size_t drop_strays();  // contents without a row, of killed servers; how many
  void drop(const std::string& id);
  void drop_expired();
  void make_room(std::uint64_t bytes);
  std::uint64_t stored_bytes();

  FileStoreOptions options_;
  std::mutex mutex_;  // guards all below
  std::optional<Database> database_;
};

}  // namespace pandagpt
