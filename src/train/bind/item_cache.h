// Something computed from every input of the lists once, and kept on disk.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "embed/pairs.h"
#include "train/bind/blob_store.h"

namespace pandagpt::train {

/// Inputs that could not be read: left out of all lists.
struct FailedItems {
  std::set<std::int64_t> items;      ///< indices into InputTable::media
  std::vector<std::string> reasons;  ///< one line each
};

/// What is computed from an input's content, e.g. the decoded input. Records are found by the
/// content's SHA-256, the sensor options and `kind`, which has to change when the computation does.
class ItemCache {
 public:
  using Compute = std::function<Bytes(const MediaItem& item, const Bytes& content)>;

  ItemCache(BlobStore& store, const InputTable& inputs, std::string kind);

  /// Computes what is missing of `items` (indices into InputTable::media), by several threads if
  /// `parallel`; with a progress line. An unreadable input (Error(kInput)) is added to `failed`.
  void fill(std::span<const std::int64_t> items, const Compute& compute, int n_threads,
            FailedItems& failed);

  /// The record of an item that fill() was given and that did not fail. Threads may call it at
  /// once.
  Bytes get(std::int64_t item) const { return store_.get(keys_.at(item)); }

 private:
  BlobStore& store_;
  const InputTable& inputs_;
  std::string kind_;
  std::vector<std::string> keys_;  // by item; empty: not filled
};

}  // namespace pandagpt::train
