#include "pipeline/lexicon.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "tensor/panda_weights.h"

namespace pandagpt {
namespace {

constexpr float kNegligible = 1e-7F;  // shares below it change no float32 of the sum

}  // namespace

std::optional<Lexicon> Lexicon::read(const GgufFile& file, int n_in, int n_embd) {
  std::optional<LexiconSizes> sizes = read_lexicon_sizes(file);
  if (!sizes) return std::nullopt;
  const auto n_names = static_cast<std::int64_t>(sizes->names.size());
  Lexicon lexicon;
  lexicon.n_words_ = static_cast<int>(sizes->n_words);
  lexicon.names_ = std::move(sizes->names);
  lexicon.keys_ = file.read_f32(lexicon_keys::kKeysWeight, {n_in, n_names});
  lexicon.bias_ = file.read_f32(lexicon_keys::kKeysBias, {n_names});
  lexicon.words_ =
      file.read_f32(lexicon_keys::kWordsTensor, {std::int64_t{lexicon.n_words_} * n_embd, n_names});
  return lexicon;
}

std::vector<float> Lexicon::shares(std::span<const float> embedding) const {
  std::vector<float> shares(bias_);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const float* key = keys_.data() + i * embedding.size();
    shares[i] += std::inner_product(embedding.begin(), embedding.end(), key, 0.0F);
  }
  const float largest = *std::ranges::max_element(shares);
  for (float& share : shares)
    share = std::exp(share - largest);
  const float sum = std::accumulate(shares.begin(), shares.end(), 0.0F);
  for (float& share : shares)
    share /= sum;
  return shares;
}

void Lexicon::look_up(std::span<const float> embedding, std::span<float> words) const {
  std::ranges::fill(words, 0.0F);
  const std::vector<float> all = shares(embedding);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] < kNegligible) continue;
    const float* name = words_.data() + i * words.size();
    for (std::size_t j = 0; j < words.size(); ++j)
      words[j] += all[i] * name[j];
  }
}

}  // namespace pandagpt
