// A tokenizer for a text tower of one's own: byte-pair merges learned from its texts.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace pandagpt::train {

/// At most `n_merges` merges, as BpeTokenizer takes them (encoders/bpe_tokenizer.h): each time the
/// pair of neighbours that is commonest in the words of all texts becomes one token; of equally
/// common ones the first by text (Sennrich et al., arXiv:1508.07909). Pairs that occur once stay
/// apart.
std::vector<std::string> learn_merges(std::span<const std::string> texts, int n_merges);

}  // namespace pandagpt::train
