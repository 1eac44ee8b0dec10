// Putting a new model folder together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/manifest.h"

namespace pandagpt {

/// How a file gets into a folder.
enum class Placement {
  kLinkOrCopy,  ///< a hard link, which takes no room; a copy if the folder is on another disk
  kLink,        ///< a hard link or an error
  kCopy,
};

/// A folder that gets its files first and its manifest last, so that it is whole or has none. What
/// was new in it is removed if finish() isn't reached.
///
///   ModelFolderWriter writer("models/panda", {.sources = {"vicuna.gguf"}});
///   projector.write(writer.path_of("projector"));
///   writer.place("llm", "vicuna.gguf", Placement::kLinkOrCopy);
///   writer.finish(manifest);
class ModelFolderWriter {
 public:
  struct Options {
    /// Files that may be there already: those that place() will be given.
    std::vector<std::filesystem::path> sources = {};
    bool force = false;  ///< whatever is there; files of the same names are replaced
  };
  /// Told how many bytes have been copied, of how many. What it throws ends the work.
  using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

  /// Makes the folder if there is none. Throws Error(kUsage) if there is another file in it, and
  /// Error(kInternal) if it can't be made.
  ModelFolderWriter(std::filesystem::path folder, const Options& options);
  ~ModelFolderWriter();
  ModelFolderWriter(const ModelFolderWriter&) = delete;
  ModelFolderWriter& operator=(const ModelFolderWriter&) = delete;

  /// FOLDER/ROLE.gguf, for a file that the caller is about to write.
  std::filesystem::path path_of(const std::string& role);
  /// Makes FOLDER/ROLE.gguf the same as `source`; nothing is done if it is that file. Throws
  /// Error(kInternal): no link and no copy possible, Error(kModel): no such file.
  void place(const std::string& role, const std::filesystem::path& source, Placement placement,
             const OnProgress& on_progress = {});
  /// Writes the manifest, whose folder and files' paths are set here: those that are there with
  /// their sizes and SHA-256, others without. Of the roles all but the adapter are put down.
  void finish(Manifest manifest);

 private:
  void check_content(const Options& options) const;

  std::filesystem::path folder_;
  bool folder_is_new_ = false;
  bool finished_ = false;
  std::vector<std::filesystem::path> new_files_;
};

}  // namespace pandagpt
