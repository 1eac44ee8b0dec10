#include "media/imu_files.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/ascii.h"
#include "core/zip_reader.h"
#include "media/text_table.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

constexpr std::size_t kMaxFiles = 256;

/// A table by its ending, and no hidden file.
bool is_table_name(const fs::path& path) {
  const std::string ending = ascii_lower(path.extension().string());
  const bool is_hidden = path.filename().string().starts_with(".");
  return !is_hidden &&
         (ending == ".csv" || ending == ".tsv" || ending == ".txt" || ending == ".dat");
}

constexpr const char* kNoTables =
    "has no tables (CSV, TSV, TXT) in it; give the export of a motion recording";

}  // namespace

bool is_zip(ByteView bytes) {
  return bytes.size() >= 4 && bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == 3 && bytes[3] == 4;
}

std::vector<NamedBytes> tables_of_zip(ByteView bytes, const std::string& name) {
  const std::map<std::string, ZipMember> members = read_zip_table(bytes, name, ErrorKind::kInput);
  // The tables that lie least deep are those of the sensors.
  std::ptrdiff_t depth = -1;
  const auto depth_of = [](const std::string& path) { return std::ranges::count(path, '/'); };
  const auto is_table = [](const std::string& path) {
    return is_table_name(path) && !path.starts_with("__MACOSX/");
  };
  for (const auto& [path, member] : members)
    if (is_table(path) && (depth < 0 || depth_of(path) < depth)) depth = depth_of(path);
  std::vector<NamedBytes> tables;
  std::uint64_t left = kMaxImuArchiveBytes;
  for (const auto& [path, member] : members) {
    if (!is_table(path) || depth_of(path) != depth) continue;
    if (tables.size() == kMaxFiles) fail(name, "more than 256 tables; give those of the sensors");
    const std::string own_name = name + "/" + path;
    tables.push_back(
        {own_name, unpack(member, std::min(left, kMaxTableBytes), own_name, ErrorKind::kInput)});
    left -= tables.back().bytes.size();
  }
  if (tables.empty()) fail(name, kNoTables);
  return tables;
}

std::vector<NamedBytes> tables_of_folder(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code code;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    if (is_table_name(at->path()) && at->is_regular_file(code)) paths.push_back(at->path());
    if (paths.size() > kMaxFiles)
      fail(folder.string(), "more than 256 tables; give those of the sensors");
  }
  if (code) fail(folder.string(), "can't be opened: " + code.message());
  std::ranges::sort(paths);
  std::vector<NamedBytes> tables;
  std::uint64_t left = kMaxImuArchiveBytes;
  for (const fs::path& path : paths) {
    tables.push_back({path.string(), read_file(path, std::min(left, kMaxTableBytes))});
    left -= tables.back().bytes.size();
  }
  if (tables.empty()) fail(folder.string(), kNoTables);
  return tables;
}

}  // namespace pandagpt
