// The FAISS index of one kind of input, beside the database:  FOLDER/vectors-image.faiss
//
// The database is the truth. The file says in its head which database and which generation of the
// kind's vectors it holds, and ends with a checksum. One that is behind is brought up to date by
// the difference of the two sets of ids (a vector of one id never changes); one that is damaged, of
// another database, or unfit in type or size is made anew.
#pragma once

#include <filesystem>

#include "search/store.h"
#include "search/vector_index.h"

namespace pandagpt {

struct IndexPolicy {
  /// Up to so many vectors every query is compared with all of them.
  std::int64_t exact_limit = 100'000;
  /// Cells of a larger index, times the square root of its size.
  double lists_per_root = 2;
};

std::filesystem::path kind_index_path(const std::filesystem::path& folder, Modality kind);

struct KindIndex {
  VectorIndex index;
  std::int64_t generation = 0;
  bool differs_from_file = false;  ///< the file is missing or behind
};

/// The index as the database is now. Read inside a transaction of `store` for a consistent view.
KindIndex load_kind_index(const Store& store, Modality kind, const IndexPolicy& policy = {});

/// Writes the file atomically. Throws Error(kInternal) if it can't be written.
void save_kind_index(const Store& store, Modality kind, const KindIndex& index);

}  // namespace pandagpt
