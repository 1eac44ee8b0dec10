// Files -> contents with vectors: what the threads of an index job do.
#pragma once

#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "search/encoder.h"
#include "search/folder_scan.h"

namespace pandagpt {

/// Whether files of the kind may be too large for memory and are read piece by piece.
bool is_streamed(Modality kind);

/// Contents whose vectors are in the database, shared by threads.
class KnownContents {
 public:
  bool has(const Content& content) const;
  void add(const Content& content);

 private:
  mutable std::mutex mutex_;
  std::set<std::pair<Modality, std::string>> known_;
};

struct ReadFile {
  FoundFile file;
  Content content;
  std::vector<float> vector;  ///< of length 1; empty if the content is known
  std::string error;          ///< why the file can't be indexed, or empty
};

/// May be used by several threads.
class ContentReader {
 public:
  ContentReader(const SearchEncoder& encoder, const KnownContents& known)
      : encoder_(encoder), known_(known) {}

  /// The files' contents; those that are new are encoded together. Throws Error(kInternal) only.
  std::vector<ReadFile> read(std::span<const FoundFile> files) const;

 private:
  Input examine(ReadFile& one) const;
  void encode(std::span<ReadFile*> files, const Inputs& inputs) const;

  const SearchEncoder& encoder_;
  const KnownContents& known_;
};

}  // namespace pandagpt
