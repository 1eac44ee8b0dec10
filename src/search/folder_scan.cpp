#include "search/folder_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/pattern.h"
#include "media/logs/log_steps.h"
#include "media/media_kind.h"
#include "pandagpt/error.h"
#include "search/kinds.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

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
    const auto excludes = [&](const std::string& pattern) {
      return fits_pattern(pattern, relative);
    };
    if (std::ranges::any_of(options_.excludes, excludes)) return;
    if (path == left_out_) return;
    if (!options_.hidden && path.filename().native().starts_with('.'))
      return leave_out(path, LeftOutReason::kHidden);
    std::error_code code;
    if (entry.is_directory(code)) {
      if (!options_.follow_links && entry.is_symlink(code))
        return leave_out(path, LeftOutReason::kLink);
      waiting.push_back(path);
    } else if (entry.is_regular_file(code)) {
      visit_file(path, relative);
    } else {
      leave_out(path, LeftOutReason::kNoFile);
    }
  }

  void visit_file(const fs::path& path, const fs::path& relative) {
    const auto rule = std::ranges::find_if(
        options_.rules, [&](const KindRule& one) { return fits_pattern(one.pattern, relative); });
    const bool by_rule = rule != options_.rules.end();
    std::optional<Modality> kind = by_rule ? rule->kind : modality_of_extension(path);
    if (!kind) kind = kind_of_beginning(path);
    if (!kind && options_.log_step > 0 && visit_log(path)) return;
    if (!kind) return leave_out(path, LeftOutReason::kOtherKind);
    const std::optional<FileState> state = file_state(path, *kind);
    if (!state) return leave_out(path, LeftOutReason::kNoFile);
    result_.files.push_back({path, *state, by_rule});
  }

  /// Takes the messages of a robot's log; false if it is none.
  bool visit_log(const fs::path& path) {
    try {
      const std::vector<LogTopicKind> topics = log_topic_kinds(path.string());
      for (const LogTopicKind& topic : topics)
        visit_topic(path, topic);
      return !topics.empty();
    } catch (const Error&) {  // reading it again will say why
      if (const auto state = file_state(path, Modality::kImage))
        result_.files.push_back({path, *state, /*by_rule=*/true});
      return true;
    }
  }

  void visit_topic(const fs::path& path, LogTopicKind topic) {
    const std::string place = path.string() + "#" + topic.topic;
    const fs::path relative = fs::path(place).lexically_relative(result_.root);
    const auto fits = [&](const std::string& pattern) { return fits_pattern(pattern, relative); };
    if (std::ranges::any_of(options_.excludes, fits)) return;
    const auto rule = std::ranges::find_if(options_.rules,
                                           [&](const KindRule& one) { return fits(one.pattern); });
    if (rule != options_.rules.end()) topic.kind = rule->kind;
    const std::optional<FileState> state = file_state(path, topic.kind);
    if (!state) return;
    for (const std::string& name : log_steps(path.string(), topic, options_.log_step))
      result_.files.push_back({name, *state, /*by_rule=*/true});
  }

  void leave_out(const fs::path& path, LeftOutReason reason) {
    result_.left_out.push_back({path, reason});
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

}  // namespace pandagpt
