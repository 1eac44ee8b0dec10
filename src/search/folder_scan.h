// The media files below a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "search/store.h"

namespace pandagpt {

/// "thermal:*_ir.png": files whose path below the folder, or name, fits the pattern are of the
/// kind.
struct KindRule {
  Modality kind = Modality::kImage;
  std::string pattern;  ///< as in a shell; * fits / too
};
/// Throws Error(kUsage).
KindRule parse_kind_rule(const std::string& text);

struct ScanOptions {
  std::filesystem::path folder;
  std::vector<KindRule> rules;        ///< the first that fits counts
  std::vector<std::string> excludes;  ///< patterns of files and folders that are left out
  bool hidden = false;                ///< also names that start with a dot
  bool follow_links = false;          ///< also folders that are symbolic links
  std::filesystem::path leave_out;    ///< a folder, the index's own
  /// Seconds between the messages of robots' logs that are taken; 0: logs are left out. Rules and
  /// excludes are compared with "run.mcap#/camera/depth".
  double log_step = 0;
};

struct FoundFile {
  std::filesystem::path path;  ///< absolute; of a message in a log with its place
  FileState state;
  bool by_rule = false;  ///< its kind is that of a KindRule
};

struct ScanResult {
  std::filesystem::path root;                     ///< absolute, without symbolic links
  std::vector<FoundFile> files;                   ///< by kind, then path
  std::vector<std::filesystem::path> unreadable;  ///< folders
  std::vector<LeftOutFile> left_out;  ///< but not what an exclude names, nor the index's own folder
};

/// Kind by rule, by the ending of the name (media/media_kind.h), or else by the first bytes. Other
/// files, special ones and links that lead nowhere are left out and listed. A folder seen before
/// (by its device and number) isn't entered again.
/// Throws Error(kInput) if the folder itself can't be read.
ScanResult scan_folder(const ScanOptions& options);

/// Size and time of a regular file; nothing for what is none.
std::optional<FileState> file_state(const std::filesystem::path& path, Modality named_kind);

}  // namespace pandagpt
