// Words of a caption, as the COCO caption evaluation counts them.
//
// pycocoevalcap 1.2 runs Stanford's PTBTokenizer (CoreNLP 3.4.1, -lowerCase) and removes a list of
// punctuation tokens. This is a tokenizer of its own with the same behaviour on captions, found by
// comparing outputs: contractions ("do n't", "man 's"), hyphens, numbers, abbreviations and
// acronyms with their periods, quotes, brackets ("-lrb-"), emoticons, addresses, non-ASCII letters.
// Known to differ: telephone numbers with spaces, and strings that no one writes ("the c#orn").
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// Lower-cased tokens without punctuation. A mixed fraction ("2 1/2") is one token that holds a
/// no-break space, as it is there.
std::vector<std::string> tokenize_caption(std::string_view caption);

}  // namespace pandagpt
