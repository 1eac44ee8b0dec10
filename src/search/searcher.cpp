#include "search/searcher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "pandagpt/error.h"
#include "pipeline/embedding_math.h"
#include "search/folder_lock.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

void add_direction(std::vector<float>& sum, std::span<const float> row, float weight) {
  if (!std::isfinite(weight)) throw Error(ErrorKind::kUsage, "a weight must be a finite number");
  std::vector<float> direction(row.begin(), row.end());
  bring_to_length_one(direction);
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] += weight * direction[i];
}

/// The next query finds the work done. An index on a disk that can't be written does without.
void try_to_save(const Store& store, const std::map<Modality, KindIndex>& loaded) {
  const bool behind =
      std::ranges::any_of(loaded, [](const auto& one) { return one.second.differs_from_file; });
  if (!behind) return;
  try {
    const FolderLock lock(store.folder());
    for (const auto& [kind, index] : loaded)
      if (index.differs_from_file) save_kind_index(store, kind, index);
  } catch (const Error& error) {
    spdlog::debug("FAISS's files stay behind the database: {}", error.what());
  }
}

}  // namespace

std::vector<float> query_vector(const SearchEncoder& encoder, const SearchQuery& query) {
  if (query.texts.empty() && query.inputs.empty())
    throw Error(ErrorKind::kUsage,
                "nothing is looked for; give --text, --image, --audio or others");
  const auto width = static_cast<std::size_t>(encoder.stamp().width);
  std::vector<float> sum(width);
  if (!query.inputs.empty()) {
    const std::vector<float> rows = encoder.embed(query.inputs);
    for (std::size_t i = 0; i < query.inputs.items().size(); ++i)
      add_direction(sum, std::span(rows).subspan(i * width, width), query.inputs.items()[i].weight);
  }
  if (!query.texts.empty()) {
    std::vector<std::string> texts;
    for (const WeightedText& one : query.texts)
      texts.push_back(one.text);
    const std::vector<float> rows = encoder.embed_texts(texts);
    for (std::size_t i = 0; i < texts.size(); ++i)
      add_direction(sum, std::span(rows).subspan(i * width, width), query.texts[i].weight);
  }
  constexpr double kNoDirection = 1e-6;
  if (length_of(sum) < kNoDirection)
    throw Error(ErrorKind::kUsage, "the parts of the query cancel each other out; change a weight");
  bring_to_length_one(sum);
  return sum;
}

Searcher::Searcher(const fs::path& database, std::vector<Modality> kinds, const IndexPolicy& policy)
    : store_(Store::open(database)) {
  if (kinds.empty()) kinds.assign(std::begin(kAllModalities), std::end(kAllModalities));
  std::map<Modality, KindIndex> loaded;
  {
    const Transaction consistent(store_.database());
    for (const Modality kind : kinds)
      if (store_.generation(kind) > 0) loaded.emplace(kind, load_kind_index(store_, kind, policy));
  }
  try_to_save(store_, loaded);
  for (auto& [kind, index] : loaded)
    indexes_.emplace(kind, std::move(index.index));
}

void Searcher::require_model(const ModelStamp& stamp) const {
  if (stamp.fingerprint == model().fingerprint) return;
  throw Error(ErrorKind::kModel,
              store_.folder().string() + ": its vectors come from " + model().name +
                  ", the query's would come from another model or version, " + stamp.name +
                  "; give the index's with --model, or index again with --rebuild");
}

std::vector<SearchGroup> Searcher::search(std::span<const float> query, int k) const {
  std::vector<SearchGroup> groups;
  for (const auto& [kind, index] : indexes_) {
    if (index.size() == 0) continue;
    SearchGroup group{kind, index.size(), index.is_exact(), {}};
    for (const Neighbour& one : index.search(query, k)) {
      std::optional<IndexedContent> item = store_.content(one.id);
      const bool there = item && !item->files.empty();  // an index run may be at it
      if (there) group.hits.push_back({one.score, std::move(*item)});
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace pandagpt
