// Queries against an index.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "search/encoder.h"
#include "search/kind_index.h"
#include "search/store.h"

namespace pandagpt {

struct WeightedText {
  std::string text;
  float weight = 1.0F;
};

/// What is looked for: the sum of the directions of all of it, each times its weight.
struct SearchQuery {
  std::vector<WeightedText> texts;
  Inputs inputs;
};

struct SearchHit {
  float score = 0;  ///< cosine
  IndexedContent item;
};

/// Results of one kind. Scores of different kinds are not comparable: embeddings of a kind lie in a
/// region of their own (the modality gap), so that pictures are nearer to pictures than to sounds
/// of the same thing.
struct SearchGroup {
  Modality kind = Modality::kImage;
  std::int64_t n_indexed = 0;  ///< different contents of the kind
  bool exact = true;           ///< every vector was compared
  std::vector<SearchHit> hits;
};

/// (width), of length 1. Throws Error(kUsage) if the query is empty or its parts cancel each other
/// out, and as the encoder does.
std::vector<float> query_vector(const SearchEncoder& encoder, const SearchQuery& query);

class Searcher {
 public:
  /// `kinds` empty: all. Throws Error(kInput) as Store::open does.
  Searcher(const std::filesystem::path& database, std::vector<Modality> kinds,
           const IndexPolicy& policy = {});

  const ModelStamp& model() const { return store_.model(); }
  /// Throws Error(kModel) unless the vectors of `stamp`'s model can be compared with the index's.
  void require_model(const ModelStamp& stamp) const;

  /// Up to k hits of each kind that has any vectors, in the order of kAllModalities.
  std::vector<SearchGroup> search(std::span<const float> query, int k) const;

 private:
  Store store_;
  std::map<Modality, VectorIndex> indexes_;
};

}  // namespace pandagpt
