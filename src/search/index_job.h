// Indexing a folder: whatever is missing or has changed, and nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include "search/encoder.h"
#include "search/folder_scan.h"
#include "search/kind_index.h"
#include "search/store.h"

namespace pandagpt {

struct IndexJobOptions {
  ScanOptions scan;
  std::filesystem::path database;  ///< folder of the index; made if there is none
  bool rebuild = false;            ///< forget what is there
  bool rehash = false;  ///< read files again even if their size and time are what they were
  int n_workers = 2;    ///< batches that are read and encoded side by side
  int batch_size = 8;   ///< files
  /// What is done is written to disk this often: a run that is killed loses no more.
  double commit_seconds = 1;
  IndexPolicy policy;
};

struct IndexJobResult {
  std::int64_t n_found = 0;      ///< files of a kind that the model takes
  std::int64_t n_unchanged = 0;  ///< since an earlier run
  std::int64_t n_embedded = 0;
  std::int64_t n_known = 0;    ///< new or changed files whose content was known
  std::int64_t n_removed = 0;  ///< files that are gone
  std::vector<FailedFile> failures;
  std::vector<std::filesystem::path> unreadable;  ///< folders; what is known of them is kept
  std::map<Modality, std::int64_t> left_out;      ///< files whose kind the model doesn't take
  std::vector<LeftOutFile> left_out_files;        ///< these and all others, by path
};

/// Indexes options.scan.folder; files of other folders in the same index stay. A file that can't be
/// read is noted and tried again by the next run.
/// Throws Error(kUsage) if another process is at it, Error(kModel) if the vectors there come from
/// another model, Error(kInput) if nothing below the folder can be indexed.
IndexJobResult run_index_job(const SearchEncoder& encoder, const IndexJobOptions& options);

/// "12 files of other kinds (5 .txt, 4 .pdf, 3 without an ending)" and, likewise counted, what else
/// was left out; "" if nothing was. Files that the model doesn't take are not among them.
std::string left_out_summary(const std::vector<LeftOutFile>& files);

}  // namespace pandagpt
