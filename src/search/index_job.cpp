#include "search/index_job.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "core/ordered_work.h"
#include "core/progress.h"
#include "core/utf8.h"
#include "pandagpt/error.h"
#include "search/content_reader.h"
#include "search/folder_lock.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

/// Writes come together in transactions, which are closed every so often.
class TimedTransaction {
 public:
  TimedTransaction(Database& database, double seconds) : database_(database), seconds_(seconds) {}

  /// To be called before a change.
  void begin() {
    if (!open_) open_.emplace(database_, /*write=*/true);
  }
  void commit_if_due() {
    if (std::chrono::duration<double>(Clock::now() - last_).count() >= seconds_) commit();
  }
  void commit() {
    if (open_) open_->commit();
    open_.reset();
    last_ = Clock::now();
  }

 private:
  Database& database_;
  double seconds_;
  std::optional<Transaction> open_;
  Clock::time_point last_ = Clock::now();
};

class IndexJob {
 public:
  IndexJob(const SearchEncoder& encoder, const IndexJobOptions& options, Store& store)
      : options_(options),
        store_(store),
        transaction_(store.database(), options.commit_seconds),
        reader_(encoder, known_) {}

  IndexJobResult run(const ScanResult& scan, std::vector<FoundFile> files) {
    result_.unreadable = scan.unreadable;
    result_.n_found = static_cast<std::int64_t>(files.size());
    known_before_ = store_.files_below(scan.root);
    for (const Content& content : store_.contents())
      known_.add(content);
    const std::vector<FoundFile> work = changed(files);
    read_all(work);
    transaction_.begin();
    drop_missing(scan, files);
    store_.replace_left_out(scan.root, scan.left_out);
    store_.forget_unused();
    transaction_.commit();
    update_kind_indexes();
    return std::move(result_);
  }

 private:
  std::vector<FoundFile> changed(const std::vector<FoundFile>& files) {
    std::vector<FoundFile> work;
    for (const FoundFile& file : files) {
      const auto known = known_before_.find(file.path);
      const bool same = known != known_before_.end() && known->second.has_vector &&
                        known->second.state == file.state;
      if (same && !options_.rehash) {
        ++result_.n_unchanged;
      } else {
        work.push_back(file);
      }
    }
    return work;
  }

  /// Batches in flight are read and encoded by threads; this one writes, in the order of `work`.
  void read_all(std::span<const FoundFile> work) {
    if (work.empty()) return;
    Progress progress("indexing", static_cast<std::int64_t>(work.size()));
    std::size_t begun = 0;
    std::int64_t done = 0;
    const auto next = [&]() -> std::optional<std::span<const FoundFile>> {
      if (begun == work.size()) return std::nullopt;
      const std::span<const FoundFile> batch = next_batch(work.subspan(begun));
      begun += batch.size();
      return batch;
    };
    const auto read = [this](std::span<const FoundFile> batch) { return reader_.read(batch); };
    work_in_order(options_.n_workers, next, read, [&](const std::vector<ReadFile>& batch) {
      store(batch);
      done += static_cast<std::int64_t>(batch.size());
      progress.update(done, std::to_string(result_.failures.size()) + " failed");
    });
    progress.finish(std::to_string(result_.failures.size()) + " failed");
  }

  /// Files of one kind. Films and sounds are encoded one by one, so they come one by one.
  std::span<const FoundFile> next_batch(std::span<const FoundFile> rest) const {
    std::size_t size = 1;
    if (is_streamed(rest.front().state.named_kind)) return rest.first(size);
    const auto limit = std::min(rest.size(), static_cast<std::size_t>(options_.batch_size));
    while (size < limit && rest[size].state.named_kind == rest.front().state.named_kind)
      ++size;
    return rest.first(size);
  }

  void store(const std::vector<ReadFile>& batch) {
    transaction_.begin();
    for (const ReadFile& one : batch) {
      const fs::path& path = one.file.path;
      const FileState& state = one.file.state;
      if (!one.error.empty()) {
        result_.failures.push_back({path, one.error});
        store_.put_failure(path, state, one.error);
      } else if (one.vector.empty()) {
        store_.put_file(path, state, one.content);
        ++result_.n_known;
      } else {
        store_.put_file(path, state, one.content, one.vector);
        known_.add(one.content);
        ++result_.n_embedded;
      }
    }
    transaction_.commit_if_due();
  }

  void drop_missing(const ScanResult& scan, const std::vector<FoundFile>& files) {
    std::map<fs::path, KnownFile>& missing = known_before_;
    for (const FoundFile& file : files)
      missing.erase(file.path);
    for (const auto& [path, known] : missing) {
      if (is_below(path, scan.unreadable)) continue;
      store_.drop_file(path);
      ++result_.n_removed;
    }
  }

  static bool is_below(const fs::path& path, const std::vector<fs::path>& folders) {
    return std::ranges::any_of(folders, [&](const fs::path& folder) {
      return path.native().starts_with((folder / "").native());
    });
  }

  void update_kind_indexes() const {
    for (const Modality kind : kAllModalities) {
      if (store_.generation(kind) == 0) continue;  // there has never been any
      const KindIndex index = load_kind_index(store_, kind, options_.policy);
      if (index.differs_from_file) save_kind_index(store_, kind, index);
    }
  }

  const IndexJobOptions& options_;
  Store& store_;
  TimedTransaction transaction_;
  KnownContents known_;
  ContentReader reader_;
  std::map<fs::path, KnownFile> known_before_;
  IndexJobResult result_;
};

/// Leaves out kinds that the model doesn't take, and counts them.
std::vector<FoundFile> takeable(const SearchEncoder& encoder, ScanResult& scan,
                                std::map<Modality, std::int64_t>& left_out) {
  std::vector<FoundFile> files;
  for (const FoundFile& file : scan.files) {
    if (encoder.takes(file.state.named_kind)) {
      files.push_back(file);
    } else {
      ++left_out[file.state.named_kind];
      scan.left_out.push_back({file.path, LeftOutReason::kNotTaken});
    }
  }
  std::ranges::sort(scan.left_out, {}, &LeftOutFile::path);
  return files;
}

// ".txt", in lower case.
std::string ending_of(const fs::path& path) {
  const std::string ending = ascii_lower(path.extension().string());
  return ending.size() > 1 && is_printable_utf8(ending) ? ending : "without an ending";
}

// "5 .txt, 4 .pdf, .. 3 others", the most frequent first.
std::string counts_of_endings(const std::vector<LeftOutFile>& files) {
  constexpr std::size_t kNamed = 8;
  std::map<std::string, std::int64_t> counts;
  for (const LeftOutFile& one : files)
    if (one.reason == LeftOutReason::kOtherKind) ++counts[ending_of(one.path)];
  std::vector<std::pair<std::string, std::int64_t>> ordered(counts.begin(), counts.end());
  std::ranges::stable_sort(ordered, std::greater<>(),
                           &std::pair<std::string, std::int64_t>::second);
  std::string text;
  std::int64_t others = 0;
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    if (i < kNamed)
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", ordered[i].second, ordered[i].first);
    else
      others += ordered[i].second;
  }
  return text + (others > 0 ? fmt::format(", {} others", others) : "");
}

/// An empty folder is rather a disk that isn't mounted than a wish to forget everything.
[[noreturn]] void fail_empty(const fs::path& folder,
                             const std::map<Modality, std::int64_t>& left_out,
                             const std::vector<LeftOutFile>& left_out_files) {
  std::string others;
  for (const auto& [kind, count] : left_out)
    others += (others.empty() ? "" : ", ") + std::to_string(count) + " " + to_string(kind);
  const std::string summary = left_out_summary(left_out_files);
  throw Error(ErrorKind::kInput,
              folder.string() + ": no file below it can be indexed" +
                  (others.empty() ? "" : " (the model doesn't take: " + others + ")") +
                  (summary.empty() ? "" : "; left out: " + summary) +
                  "; the index stays as it was");
}

}  // namespace

std::string left_out_summary(const std::vector<LeftOutFile>& files) {
  std::map<LeftOutReason, std::int64_t> counts;
  for (const LeftOutFile& one : files)
    ++counts[one.reason];
  counts.erase(LeftOutReason::kNotTaken);
  std::string text;
  for (const auto& [reason, count] : counts) {
    text += text.empty() ? "" : "; ";
    text += reason == LeftOutReason::kOtherKind
                ? fmt::format("{} file{} of other kinds ({})", count, count == 1 ? "" : "s",
                              counts_of_endings(files))
                : fmt::format("{}: {}", count, to_string(reason));
  }
  return text;
}

IndexJobResult run_index_job(const SearchEncoder& encoder, const IndexJobOptions& options) {
  ScanOptions scan_options = options.scan;
  scan_options.leave_out = options.database;
  ScanResult scan = scan_folder(scan_options);
  std::map<Modality, std::int64_t> left_out;
  std::vector<FoundFile> files = takeable(encoder, scan, left_out);
  if (files.empty()) fail_empty(options.scan.folder, left_out, scan.left_out);

  const FolderLock lock(options.database);
  Store store = Store::open_or_create(options.database, encoder.stamp(), options.rebuild);
  IndexJobResult result = IndexJob(encoder, options, store).run(scan, std::move(files));
  result.left_out = std::move(left_out);
  result.left_out_files = std::move(scan.left_out);
  const bool nothing_there = result.n_unchanged + result.n_embedded + result.n_known == 0;
  if (nothing_there && !result.failures.empty())
    throw Error(ErrorKind::kInput,
                options.scan.folder.string() + ": none of the " +
                    std::to_string(result.failures.size()) +
                    " files could be indexed; the first: " + result.failures.front().error);
  return result;
}

}  // namespace pandagpt
