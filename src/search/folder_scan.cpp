#include "search/folder_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include "core/pattern.h"
#include "embed/item_reader.h"
#include "pandagpt/error.h"
#include "search/kinds.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBeginningBytes = 16;

std::optional<Modality> sniffed_kind(const fs::path& path) {
  std::array<char, kBeginningBytes> beginning{};
  std::ifstream in(path, std::ios::binary);
  in.read(beginning.data(), beginning.size());
  return kind_of_content({reinterpret_cast<const std::uint8_t*>(beginning.data()),
                          static_cast<std::size_t>(in.gcount())});
}

class Scanner {
 public:
  explicit Scanner(const ScanOptions& options) : options_(options) {
    std::error_code code;
    result_.root = fs::canonical(options.folder, code);
    if (code)
      throw Error(ErrorKind::kInput, options.folder.string() + ": " + code.message() +
                                         "; give the folder whose files are to be found");
    if (!fs::is_directory(result_.root))
      throw Error(ErrorKind::kInput, options.folder.string() + ": is no folder");
    left_out_ = fs::weakly_canonical(options.leave_out, code);
  }

  ScanResult run() {
    visit_folder(result_.root);
    if (result_.files.empty() && !result_.unreadable.empty() &&
        result_.unreadable.front() == result_.root)
      throw Error(ErrorKind::kInput, options_.folder.string() + ": the folder can't be read");
    std::ranges::sort(result_.files, [](const FoundFile& a, const FoundFile& b) {
      return std::tie(a.state.named_kind, a.path) < std::tie(b.state.named_kind, b.path);
    });
    return std::move(result_);
  }

 private:
  // Folders wait in a list rather than on the stack: a tree may be deep.
  void visit_folder(const fs::path& root) {
    std::vector<fs::path> waiting{root};
    while (!waiting.empty()) {
      const fs::path folder = std::move(waiting.back());
      waiting.pop_back();
      if (!is_new(folder)) continue;
      std::error_code code;
      fs::directory_iterator entry(folder, code);
      for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
        visit_entry(*entry, waiting);
      }
      if (code) result_.unreadable.push_back(folder);
    }
  }

  void visit_entry(const fs::directory_entry& entry, std::vector<fs::path>& waiting) {
    const fs::path& path = entry.path();
    const fs::path relative = path.lexically_relative(result_.root);
    if (!options_.hidden && path.filename().native().starts_with('.')) return;
    const auto excludes = [&](const std::string& pattern) {
      return fits_pattern(pattern, relative);
    };
    if (std::ranges::any_of(options_.excludes, excludes)) return;
    std::error_code code;
    if (entry.is_directory(code)) {
      const bool followed = options_.follow_links || !entry.is_symlink(code);
      if (followed && path != left_out_) waiting.push_back(path);
    } else if (entry.is_regular_file(code)) {
      const std::optional<Modality> kind = kind_of(path, relative);
      const std::optional<FileState> state = kind ? file_state(path, *kind) : std::nullopt;
      if (state) result_.files.push_back({path, *state});
    }
  }

  std::optional<Modality> kind_of(const fs::path& path, const fs::path& relative) const {
    for (const KindRule& rule : options_.rules)
      if (fits_pattern(rule.pattern, relative)) return rule.kind;
    return path.has_extension() ? modality_of_extension(path) : sniffed_kind(path);
  }

  bool is_new(const fs::path& folder) {
    struct stat info {};
    if (stat(folder.c_str(), &info) != 0) return true;  // reading it will say why
    return seen_.emplace(info.st_dev, info.st_ino).second;
  }

  const ScanOptions& options_;
  ScanResult result_;
  fs::path left_out_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

KindRule parse_kind_rule(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon + 1 == text.size())
    throw Error(ErrorKind::kUsage, "'" + text + "' is not KIND:PATTERN, such as thermal:*_ir.png");
  return {parse_kind(std::string_view(text).substr(0, colon)), text.substr(colon + 1)};
}

ScanResult scan_folder(const ScanOptions& options) {
  return Scanner(options).run();
}

std::optional<FileState> file_state(const fs::path& path, Modality named_kind) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return FileState{info.st_size, info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec,
                   named_kind};
}

std::optional<Modality> kind_of_content(ByteView beginning) {
  using std::string_view_literals::operator""sv;
  const std::string_view text(reinterpret_cast<const char*>(beginning.data()), beginning.size());
  const auto at = [&](std::size_t offset, std::string_view magic) {
    return text.size() >= offset && text.substr(offset).starts_with(magic);
  };
  for (const auto magic : {"\xFF\xD8\xFF"sv, "\x89PNG"sv, "GIF8"sv, "II*\0"sv, "MM\0*"sv})
    if (at(0, magic)) return Modality::kImage;
  if (at(0, "RIFF")) {
    if (at(8, "WEBP")) return Modality::kImage;
    if (at(8, "WAVE")) return Modality::kAudio;
    if (at(8, "AVI ")) return Modality::kVideo;
  }
  for (const auto magic : {"fLaC"sv, "OggS"sv, "ID3"sv, "\xFF\xFB"sv, "\xFF\xF3"sv})
    if (at(0, magic)) return Modality::kAudio;
  if (at(4, "ftyp")) return at(8, "M4A") ? Modality::kAudio : Modality::kVideo;
  if (at(0, "\x1A\x45\xDF\xA3")) return Modality::kVideo;  // Matroska, WebM
  return std::nullopt;
}

}  // namespace pandagpt
