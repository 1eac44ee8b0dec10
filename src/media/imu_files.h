// Recordings of several files: folders and archives, as phones export them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// A file of a folder or an archive, with its content.
struct NamedBytes {
  std::string name;
  Bytes bytes;
};

inline constexpr std::uint64_t kMaxImuArchiveBytes = std::uint64_t{512} << 20;  ///< unpacked

/// Whether the bytes begin as a zip archive does.
bool is_zip(ByteView bytes);

/// The tables (CSV, TSV, TXT, DAT) that lie in an archive, or in its one folder; not those of
/// folders beside them, in which exports keep what is about the device. Throws Error(kInput):
/// damaged, encrypted, none in it, more than kMaxImuArchiveBytes.
std::vector<NamedBytes> tables_of_zip(ByteView bytes, const std::string& name);

/// The same of a folder.
std::vector<NamedBytes> tables_of_folder(const std::filesystem::path& folder);

}  // namespace pandagpt
