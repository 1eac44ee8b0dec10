// A small lexicon for projector files.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gguf_support.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"

namespace pandagpt::test {

inline constexpr int kLexiconNames = 3;
inline constexpr int kLexiconWords = 2;

/// The values of its words: (kLexiconNames, kLexiconWords * n_embd), no two alike.
inline std::vector<float> lexicon_words(int n_embd) {
  std::vector<float> words(static_cast<std::size_t>(kLexiconNames * kLexiconWords * n_embd));
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = std::sin(static_cast<float>(i + 1));
  return words;
}

/// Three names of two words, name k with the unit vector k as its key, `sharpness` times.
inline void add_lexicon(GgufWriter& writer, int n_in, int n_embd, float sharpness) {
  set_lexicon_metadata(&writer, {{"cat", "dog", "church"}, kLexiconWords});
  std::vector<float> keys(static_cast<std::size_t>(kLexiconNames * n_in));
  for (int k = 0; k < kLexiconNames; ++k)
    keys[static_cast<std::size_t>(k * n_in + k)] = sharpness;
  writer.add_f32(lexicon_keys::kKeysWeight, {n_in, kLexiconNames}, keys);
  writer.add_f32(lexicon_keys::kKeysBias, {kLexiconNames}, std::vector<float>(kLexiconNames));
  writer.add_f32(lexicon_keys::kWordsTensor, {std::int64_t{kLexiconWords} * n_embd, kLexiconNames},
                 lexicon_words(n_embd));
}

/// `from`, a projector file without one, with that lexicon.
inline void add_lexicon_to(const std::filesystem::path& from, const std::filesystem::path& to,
                           float sharpness) {
  const GgufFile file(from);
  GgufWriter writer;
  copy_all(writer, file);
  add_lexicon(writer, static_cast<int>(file.get_u32(projector_keys::kIn)),
              static_cast<int>(file.get_u32(projector_keys::kEmbd)), sharpness);
  writer.write(to);
}

}  // namespace pandagpt::test
