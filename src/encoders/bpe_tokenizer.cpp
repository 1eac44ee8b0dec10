#include "encoders/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>
#include <utility>

#include "core/utf8.h"
#include "encoders/text/clean_text.h"
#include "encoders/text/unicode.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kEndOfWord = "</w>";
constexpr std::u32string_view kStartMark = U"<|startoftext|>";
constexpr std::u32string_view kEndMark = U"<|endoftext|>";
constexpr int kBytes = 256;

// --- Words -------------------------------------------------------------------------------------

// The pieces that the reference's expression finds one after another:
//   <|startoftext|> | <|endoftext|> | 's | 't | 're | 've | 'm | 'll | 'd
//   | letters | one number | what is neither space, letter nor number
// ignoring case, which for lower-case text means only that U+017F (long s) is an s, and that U+0345
// belongs to no piece.
class WordSplitter {
 public:
  explicit WordSplitter(std::u32string_view text) : text_(text) {}

  /// The next piece; empty at the end.
  std::u32string_view next() {
    while (at_ < text_.size() && kind(text_[at_]) == Kind::kNone)
      ++at_;
    if (at_ == text_.size()) return {};
    const std::size_t length = fixed_length();
    return take(length > 0 ? length : run_length());
  }

 private:
  enum class Kind { kNone, kLetter, kNumber, kOther };

  static Kind kind(char32_t c) {
    constexpr char32_t kIotaBelow = 0x345;
    if (is_white_space(c) || c == kIotaBelow) return Kind::kNone;
    if (is_unicode_letter(c)) return Kind::kLetter;
    return is_unicode_number(c) ? Kind::kNumber : Kind::kOther;
  }

  bool starts_with(std::u32string_view piece) const {
    constexpr char32_t kLongS = 0x17F;
    const std::u32string_view head = text_.substr(at_, piece.size());
    return std::ranges::equal(head, piece, {}, [](char32_t c) { return c == kLongS ? U's' : c; });
  }

  // Of a mark or a contraction at this place, or 0.
  std::size_t fixed_length() const {
    constexpr std::u32string_view kFixed[] = {kStartMark, kEndMark, U"'s",  U"'t", U"'re",
                                              U"'ve",     U"'m",    U"'ll", U"'d"};
    for (const std::u32string_view piece : kFixed)
      if (starts_with(piece)) return piece.size();
    return 0;
  }

  std::size_t run_length() const {
    const Kind first = kind(text_[at_]);
    std::size_t end = at_ + 1;
    if (first != Kind::kNumber)
      while (end < text_.size() && kind(text_[end]) == first)
        ++end;
    return end - at_;
  }

  std::u32string_view take(std::size_t length) {
    at_ += length;
    return text_.substr(at_ - length, length);
  }

  std::u32string_view text_;
  std::size_t at_ = 0;
};

// --- Bytes -------------------------------------------------------------------------------------

// bytes_to_unicode(): printable bytes of Latin-1 stand for themselves and come first, the others
// are moved above U+00FF.
struct ByteAlphabet {
  std::array<std::int32_t, kBytes> token;  ///< of each byte inside a word
  std::array<std::string, kBytes> text;    ///< by token

  ByteAlphabet() {
    std::int32_t next = 0;
    char32_t moved = kBytes;
    const auto add = [&](int byte, char32_t c) {
      token[byte] = next;
      text[next++] = encode_utf8({&c, 1});
    };
    const auto is_printable = [](int byte) {
      return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    };
    for (int byte = 0; byte < kBytes; ++byte)
      if (is_printable(byte)) add(byte, static_cast<char32_t>(byte));
    for (int byte = 0; byte < kBytes; ++byte)
      if (!is_printable(byte)) add(byte, moved++);
  }
};

const ByteAlphabet& byte_alphabet() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

class BpeTokenizer::Impl {
 public:
  Impl(std::span<const std::string> merges, int context_length) : context_length_(context_length) {
    for (const std::string_view end : {std::string_view(), kEndOfWord})
      for (const std::string& byte : byte_alphabet().text)
        texts_.push_back(byte + std::string(end));
    for (const std::string& merge : merges) {
      const std::size_t space = merge.find(' ');
      if (space == 0 || space == std::string::npos || space + 1 == merge.size() ||
          merge.find(' ', space + 1) != std::string::npos)
        fail(merge, "not two pieces with a space between");
      texts_.push_back(merge.substr(0, space) + merge.substr(space + 1));
    }
    texts_.push_back(encode_utf8(kStartMark));
    texts_.push_back(encode_utf8(kEndMark));
    read_merges(merges);
  }

  int context_length() const { return context_length_; }
  int vocab_size() const { return static_cast<int>(texts_.size()); }
  std::int32_t end_token() const { return vocab_size() - 1; }
  std::int32_t start_token() const { return vocab_size() - 2; }
  const std::vector<std::string>& texts() const { return texts_; }

  std::vector<std::int32_t> encode(std::string_view text, std::size_t max_tokens) const {
    if (text.size() > kMaxPromptBytes)
      throw Error(ErrorKind::kInput,
                  "text of " + std::to_string(text.size()) + " bytes: longer than the limit of " +
                      std::to_string(kMaxPromptBytes >> 10) + " KiB; give a shorter one");
    const std::u32string clean = clean_text(decode_utf8(text));
    std::vector<std::int32_t> tokens;
    WordSplitter words(clean);
    for (std::u32string_view word; tokens.size() < max_tokens && !(word = words.next()).empty();)
      append(word, tokens);
    return tokens;
  }

 private:
  [[noreturn]] static void fail(const std::string& merge, const std::string& why) {
    throw Error(ErrorKind::kModel,
                "tokenizer: the merge \"" + merge + "\" is " + why + "; convert the model again");
  }

  // Two merges may give the same text, which is then one token, that of the later merge.
  void read_merges(std::span<const std::string> merges) {
    std::unordered_map<std::string_view, std::int32_t> tokens;
    for (std::int32_t token = 0; token < vocab_size(); ++token)
      tokens[texts_[token]] = token;
    ranks_.reserve(merges.size());
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
      const std::string_view merge = merges[rank];
      const std::size_t space = merge.find(' ');
      const auto left = tokens.find(merge.substr(0, space));
      const auto right = tokens.find(merge.substr(space + 1));
      if (left == tokens.end() || right == tokens.end())
        fail(merges[rank], "of a piece that no other merge makes");
      const std::int32_t token = tokens.at(texts_[2 * kBytes + rank]);
      ranks_[pair_key(left->second, right->second)] = {static_cast<std::int32_t>(rank), token};
    }
  }

  void append(std::u32string_view word, std::vector<std::int32_t>& tokens) const {
    // A mark in the text is the token itself.
    const std::string bytes = encode_utf8(word);
    if (word == kStartMark) return tokens.push_back(start_token());
    if (word == kEndMark) return tokens.push_back(end_token());
    std::vector<std::int32_t> pieces;
    for (const char byte : bytes)
      pieces.push_back(byte_alphabet().token[static_cast<std::uint8_t>(byte)]);
    pieces.back() += kBytes;  // at the end of a word
    while (merge_best_pair(pieces)) {
    }
    tokens.insert(tokens.end(), pieces.begin(), pieces.end());
  }

  // Merges the pair of the highest priority wherever it stands, from the left.
  bool merge_best_pair(std::vector<std::int32_t>& pieces) const {
    Merge best;
    std::uint64_t best_key = 0;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      const std::uint64_t key = pair_key(pieces[i], pieces[i + 1]);
      const auto found = ranks_.find(key);
      if (found == ranks_.end() || found->second.rank >= best.rank) continue;
      best = found->second;
      best_key = key;
    }
    if (best.token < 0) return false;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool pair = i + 1 < pieces.size() && pair_key(pieces[i], pieces[i + 1]) == best_key;
      pieces[kept++] = pair ? best.token : pieces[i];
      if (pair) ++i;
    }
    pieces.resize(kept);
    return true;
  }

  struct Merge {
    std::int32_t rank = std::numeric_limits<std::int32_t>::max();
    std::int32_t token = -1;
  };

  int context_length_;
  std::vector<std::string> texts_;  ///< by token
  std::unordered_map<std::uint64_t, Merge> ranks_;
};

BpeTokenizer::BpeTokenizer(std::span<const std::string> merges, int context_length)
    : impl_(std::make_unique<const Impl>(merges, context_length)) {}
BpeTokenizer::~BpeTokenizer() = default;
BpeTokenizer::BpeTokenizer(BpeTokenizer&&) noexcept = default;
BpeTokenizer& BpeTokenizer::operator=(BpeTokenizer&&) noexcept = default;

int BpeTokenizer::vocab_size() const {
  return impl_->vocab_size();
}
int BpeTokenizer::context_length() const {
  return impl_->context_length();
}
std::int32_t BpeTokenizer::start_token() const {
  return impl_->start_token();
}
std::int32_t BpeTokenizer::end_token() const {
  return impl_->end_token();
}

std::vector<std::int32_t> BpeTokenizer::encode(std::string_view text) const {
  return impl_->encode(text, std::numeric_limits<std::size_t>::max());
}

std::vector<std::int32_t> BpeTokenizer::context(std::string_view text) const {
  const auto length = static_cast<std::size_t>(context_length());
  const std::size_t room = length - 2;  // beside the marks
  std::vector<std::int32_t> tokens = impl_->encode(text, room);
  tokens.resize(std::min(tokens.size(), room));
  tokens.insert(tokens.begin(), start_token());
  tokens.push_back(end_token());
  tokens.resize(length);
  return tokens;
}

std::string BpeTokenizer::token_text(std::int32_t token) const {
  if (token < 0 || token >= vocab_size())
    throw Error(ErrorKind::kUsage, "token " + std::to_string(token) + ": the vocabulary has " +
                                       std::to_string(vocab_size()));
  return impl_->texts()[token];
}

}  // namespace pandagpt
