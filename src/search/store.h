// What a search index knows: an SQLite database, which is the truth. FAISS's files (kind_index.h)
// are made from it and may be deleted at any time.
//
// - meta: key and value: the database's own id, the model that made the vectors
// - vectors: one embedding for each different content and kind, with what its file says about
//   itself
// - files: one row a file; several may share a vector
// - kinds: a number that changes with every vector that comes or goes
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pandagpt/panda.h"
#include "search/media_facts.h"
#include "store/sqlite.h"

namespace pandagpt {

/// The model that the vectors come from.
struct ModelStamp {
  std::string model;        ///< what Embedder is opened with
  std::string name;         ///< for messages
  std::string fingerprint;  ///< Embedder::fingerprint
  int width = 0;            ///< numbers of a vector
};

/// What is compared to see whether a file has changed since it was indexed.
struct FileState {
  std::int64_t size = 0;                   ///< bytes
  std::int64_t modified_ns = 0;            ///< since 1970
  Modality named_kind = Modality::kImage;  ///< as its name or a rule says

  bool operator==(const FileState&) const = default;
};

struct KnownFile {
  FileState state;
  bool has_vector = false;  ///< false: it could not be read
};

/// Content of a file, of a kind.
struct Content {
  Modality kind = Modality::kImage;
  std::string sha256;
  MediaFacts facts;
};

struct IndexedFile {
  std::filesystem::path path;
  std::int64_t size = 0;  ///< bytes
};

struct IndexedContent {
  Content content;
  std::vector<IndexedFile> files;  ///< by path; none if it is about to be forgotten
};

struct FailedFile {
  std::filesystem::path path;
  std::string error;
};

/// Why an index leaves a file or folder out.
enum class LeftOutReason {
  kOtherKind,  ///< no picture, film or sound, neither by its ending nor by its first bytes
  kNotTaken,   ///< of a kind that the model doesn't take
  kHidden,     ///< its name starts with a dot
  kLink,       ///< a symbolic link to a folder
  kNoFile,     ///< a pipe, a socket, a link that leads nowhere
};
/// "no picture, film or sound", ..
std::string to_string(LeftOutReason reason);

struct LeftOutFile {
  std::filesystem::path path;
  LeftOutReason reason = LeftOutReason::kOtherKind;
};

class Store {
 public:
  /// Opens the database of the folder. Throws Error(kInput) if there is none, it is damaged, or of
  /// another version of this program.
  static Store open(const std::filesystem::path& folder);
  /// The same; makes folder and database if there are none, and replaces them if `rebuild`.
  /// Throws Error(kModel) if the vectors there come from another model.
  static Store open_or_create(const std::filesystem::path& folder, const ModelStamp& model,
                              bool rebuild = false);
  static bool exists(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// Random, made with the database.
  const std::string& id() const { return id_; }
  const ModelStamp& model() const { return model_; }
  Database& database() { return database_; }

  /// Files below a folder by absolute path.
  std::map<std::filesystem::path, KnownFile> files_below(const std::filesystem::path& root) const;
  /// That have a vector.
  std::int64_t n_files(Modality kind) const;
  std::int64_t n_vectors(Modality kind) const;
  std::vector<FailedFile> failures() const;

  /// All that have vectors, without facts.
  std::vector<Content> contents() const;
  /// A file with content that has a vector already.
  void put_file(const std::filesystem::path& path, const FileState& state, const Content& content);
  /// `vector` has length 1; one there already for the same content stays.
  void put_file(const std::filesystem::path& path, const FileState& state, const Content& content,
                std::span<const float> vector);
  void put_failure(const std::filesystem::path& path, const FileState& state,
                   const std::string& error);
  /// What runs have left out, by path.
  std::vector<LeftOutFile> left_out() const;
  /// Replaces all of them below `root`.
  void replace_left_out(const std::filesystem::path& root, std::span<const LeftOutFile> files);
  void drop_file(const std::filesystem::path& path);
  /// Forgets contents that no file has any more.
  void forget_unused();

  /// Changes with the kind's set of vectors.
  std::int64_t generation(Modality kind) const;
  /// Ascending. A vector of one id never changes, and ids are not used twice.
  std::vector<std::int64_t> vector_ids(Modality kind) const;
  std::vector<float> vector(std::int64_t id) const;
  /// Nothing if there is no such vector (any more).
  std::optional<IndexedContent> content(std::int64_t id) const;

 private:
  Store(std::filesystem::path folder, Database database);
  void check_application() const;
  void check_version() const;
  void create(const ModelStamp& model);
  void read_meta();
  void put(const std::filesystem::path& path, const FileState& state,
           std::optional<std::int64_t> vector_id, const std::string& error);
  std::optional<std::int64_t> find_vector(Modality kind, const std::string& sha256) const;
  std::int64_t insert_vector(const Content& content, std::span<const float> vector);

  std::filesystem::path folder_;
  Database database_;
  std::string id_;
  ModelStamp model_;
};

}  // namespace pandagpt
