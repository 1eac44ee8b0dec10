#include "train/bind/bpe_trainer.h"

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "encoders/bpe_tokenizer.h"

namespace pandagpt::train {
namespace {

using Symbol = std::int32_t;
using SymbolPair = std::pair<Symbol, Symbol>;

struct Word {
  std::vector<Symbol> symbols;
  std::int64_t count = 0;  ///< in all texts
};

/// The distinct words of all texts, as bytes; a byte at a word's end is another symbol.
std::vector<Word> count_words(std::span<const std::string> texts, const BpeTokenizer& bytes) {
  constexpr Symbol kFirstEnd = 256;
  std::map<std::vector<Symbol>, std::int64_t> counts;
  for (const std::string& text : texts) {
    std::vector<Symbol> word;
    for (const Symbol symbol : bytes.encode(text)) {
      word.push_back(symbol);
      if (symbol < kFirstEnd) continue;
      ++counts[word];
      word.clear();
    }
  }
  std::vector<Word> words;
  for (const auto& [symbols, count] : counts)
    words.push_back({symbols, count});
  return words;
}

class MergeLearner {
 public:
  explicit MergeLearner(std::span<const std::string> texts) {
    const BpeTokenizer bytes({}, 2);
    words_ = count_words(texts, bytes);
    for (Symbol symbol = 0; symbol < bytes.start_token(); ++symbol)
      texts_.push_back(bytes.token_text(symbol));
    for (std::size_t i = 0; i < words_.size(); ++i)
      count_pairs(i, 1);
  }

  /// False if no pair is left that occurs twice.
  bool merge_commonest(std::vector<std::string>& merges) {
    constexpr std::int64_t kLeastCount = 2;
    const Found* best = nullptr;
    SymbolPair pair;
    for (const auto& [candidate, found] : pairs_)
      if (found.count >= kLeastCount &&
          (best == nullptr || precedes(candidate, found, pair, *best)))
        best = &found, pair = candidate;
    if (best == nullptr) return false;
    merges.push_back(texts_[pair.first] + " " + texts_[pair.second]);
    texts_.push_back(texts_[pair.first] + texts_[pair.second]);
    const std::set<std::size_t> words = best->words;  // changes on the way
    for (const std::size_t word : words)
      replace(word, pair);
    return true;
  }

 private:
  struct Found {
    std::int64_t count = 0;
    std::set<std::size_t> words;  ///< that hold it
  };

  bool precedes(const SymbolPair& a, const Found& found_a, const SymbolPair& b,
                const Found& found_b) const {
    if (found_a.count != found_b.count) return found_a.count > found_b.count;
    return std::tie(texts_[a.first], texts_[a.second]) <
           std::tie(texts_[b.first], texts_[b.second]);
  }

  void count_pairs(std::size_t word, int sign) {
    const auto& [symbols, count] = words_[word];
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const SymbolPair pair{symbols[i], symbols[i + 1]};
      Found& found = pairs_[pair];
      found.count += sign * count;
      if (sign > 0)
        found.words.insert(word);
      else
        found.words.erase(word);
      if (found.count == 0) pairs_.erase(pair);
    }
  }

  void replace(std::size_t word, const SymbolPair& pair) {
    count_pairs(word, -1);
    const auto merged = static_cast<Symbol>(texts_.size()) - 1;
    std::vector<Symbol> symbols;
    for (const Symbol symbol : words_[word].symbols)
      if (!symbols.empty() && symbols.back() == pair.first && symbol == pair.second)
        symbols.back() = merged;
      else
        symbols.push_back(symbol);
    words_[word].symbols = std::move(symbols);
    count_pairs(word, 1);
  }

  std::vector<std::string> texts_;  // by symbol
  std::vector<Word> words_;
  std::map<SymbolPair, Found> pairs_;
};

}  // namespace

std::vector<std::string> learn_merges(std::span<const std::string> texts, int n_merges) {
  MergeLearner learner(texts);
  std::vector<std::string> merges;
  while (static_cast<int>(merges.size()) < n_merges && learner.merge_commonest(merges)) {
  }
  return merges;
}

}  // namespace pandagpt::train
