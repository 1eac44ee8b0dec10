#include "train/bind/item_cache.h"

#include <optional>

#include "core/ordered_work.h"
#include "core/progress.h"
#include "pandagpt/error.h"
#include "train/bind/sample.h"

namespace pandagpt::train {
namespace {

struct Piece {
  std::int64_t item;
  std::string key;
  Bytes content;
};

struct Result {
  std::int64_t item;
  std::string key;
  Bytes record;
  std::string failure;  ///< empty: none
};

}  // namespace

ItemCache::ItemCache(BlobStore& store, const InputTable& inputs, std::string kind)
    : store_(store), inputs_(inputs), kind_(std::move(kind)), keys_(inputs.media.size()) {}

void ItemCache::fill(std::span<const std::int64_t> items, const Compute& compute, int n_threads,
                     FailedItems& failed) {
  Progress progress(kind_.substr(0, kind_.find(' ')), static_cast<std::int64_t>(items.size()));
  const auto fail = [&](std::int64_t item, const std::string& reason) {
    if (failed.items.insert(item).second) failed.reasons.push_back(reason);
  };
  MediaItemReader reader;
  std::size_t at = 0;
  const auto next = [&]() -> std::optional<Piece> {
    for (; at < items.size(); ++at) {
      const std::int64_t item = items[at];
      progress.update(static_cast<std::int64_t>(at));
      if (failed.items.contains(item) || !keys_[item].empty()) continue;
      try {
        Piece piece{item, {}, reader.read(inputs_.media[item])};
        piece.key =
            sha256_hex(piece.content) + " " + kind_ + " " + to_string(inputs_.media[item].sensor);
        keys_[item] = piece.key;
        if (store_.has(piece.key)) continue;
        ++at;
        return piece;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kInput) throw;
        fail(item, error.what());
      }
    }
    return std::nullopt;
  };
  const auto work = [&](Piece piece) -> Result {
    try {
      return {piece.item, piece.key, compute(inputs_.media[piece.item], piece.content), {}};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      return {piece.item, piece.key, {}, error.what()};
    }
  };
  work_in_order(n_threads, next, work, [&](Result result) {
    if (!result.failure.empty())
      fail(result.item, result.failure);
    else if (!store_.has(result.key))
      store_.put(result.key, result.record);
  });
  progress.finish();
}

}  // namespace pandagpt::train
