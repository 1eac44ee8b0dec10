#include "pipeline/model_folder.h"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlockBytes = 4 << 20;
constexpr const char* kSuffix = ".gguf";

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kInternal, path.string() + ": " + what);
}

bool same_file(const fs::path& left, const fs::path& right) {
  std::error_code code;
  return fs::equivalent(left, right, code) && !code;
}

/// False if the file system can't.
bool link_file(const fs::path& source, const fs::path& target) {
  PendingFile pending(target);
  std::error_code code;
  fs::create_hard_link(source, pending.temporary(), code);
  if (code) return false;
  pending.commit();
  return true;
}

void copy_file(const fs::path& source, const fs::path& target,
               const ModelFolderWriter::OnProgress& on_progress) {
  std::ifstream in(source, std::ios::binary);
  if (!in) throw Error(ErrorKind::kModel, source.string() + ": can't be read");
  const std::uint64_t total = fs::file_size(source);
  require_disk_room(target, total);
  write_file_atomically(target, [&](std::ostream& out) {
    std::vector<char> block(kBlockBytes);
    for (std::uint64_t done = 0; in;) {
      in.read(block.data(), static_cast<std::streamsize>(block.size()));
      out.write(block.data(), in.gcount());
      done += static_cast<std::uint64_t>(in.gcount());
      if (on_progress) on_progress(done, total);
    }
    if (in.bad()) throw Error(ErrorKind::kModel, source.string() + ": reading failed");
  });
}

}  // namespace

ModelFolderWriter::ModelFolderWriter(fs::path folder, const Options& options)
    : folder_(std::move(folder)) {
  std::error_code code;
  folder_is_new_ = fs::create_directories(folder_, code);
  if (code) fail(folder_, "no folder can be made there: " + code.message());
  if (!options.force) check_content(options);
}

void ModelFolderWriter::check_content(const Options& options) const {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const auto is_same = [&](const fs::path& source) { return same_file(entry.path(), source); };
    if (std::ranges::none_of(options.sources, is_same))
      throw Error(ErrorKind::kUsage, folder_.string() + ": there is " +
                                         entry.path().filename().string() +
                                         " in it already; name a new folder, or use --force");
  }
}

ModelFolderWriter::~ModelFolderWriter() {
  if (finished_) return;
  std::error_code ignored;
  for (const fs::path& file : new_files_)
    fs::remove(file, ignored);
  if (folder_is_new_) fs::remove(folder_, ignored);
}

fs::path ModelFolderWriter::path_of(const std::string& role) {
  fs::path path = folder_ / (role + kSuffix);
  if (!fs::exists(path)) new_files_.push_back(path);
  return path;
}

void ModelFolderWriter::place(const std::string& role, const fs::path& source, Placement placement,
                              const OnProgress& on_progress) {
  std::error_code code;
  const fs::path file = fs::canonical(source, code);  // a link to a symbolic link would be one
  if (code || !fs::is_regular_file(file))
    throw Error(ErrorKind::kModel, source.string() + ": no such file");
  const fs::path target = path_of(role);
  if (same_file(file, target)) return;
  if (placement != Placement::kCopy && link_file(file, target)) return;
  if (placement == Placement::kLink)
    fail(target, "no hard link to " + file.string() + " can be made there; leave out --link");
  copy_file(file, target, on_progress);
}

void ModelFolderWriter::finish(Manifest manifest) {
  manifest.folder = folder_;
  const auto describe = [&](ManifestFile& file, const char* role) {
    file = {.role = role, .path = folder_ / (std::string(role) + kSuffix)};
    if (!fs::exists(file.path)) return;
    file.sha256 = sha256_file(file.path);
    file.bytes = fs::file_size(file.path);
  };
  describe(manifest.encoders, "encoders");
  describe(manifest.projector, "projector");
  if (manifest.adapter) describe(*manifest.adapter, "adapter");
  describe(manifest.llm, "llm");
  if (manifest.familiarity) describe(*manifest.familiarity, "familiarity");
  if (!manifest.familiarity || manifest.familiarity->sha256.empty()) {
    manifest.familiarity.reset();  // it belongs to the encoders, and nobody has placed it
    manifest.unsure.clear();
  }
  write_manifest(manifest);
  finished_ = true;
}

}  // namespace pandagpt
