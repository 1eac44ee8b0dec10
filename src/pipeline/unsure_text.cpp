#include "pipeline/unsure_text.h"

#include <cctype>
#include <utility>

namespace pandagpt {
namespace {

constexpr const char* kBeginning = "I am not sure; perhaps ";

bool is_upper(char c) {
  return std::isupper(static_cast<unsigned char>(c)) != 0;
}

/// "A cat" -> "a cat"; "I see" and "TV sets" stay.
std::string with_small_letter(std::string text) {
  const char next = text.size() > 1 ? text[1] : ' ';
  const bool is_i = text[0] == 'I' && std::isalpha(static_cast<unsigned char>(next)) == 0;
  if (is_upper(text[0]) && !is_upper(next) && !is_i)
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace

std::string UnsureText::push(std::string_view piece) {
  if (begun_) return std::string(piece);
  held_ += piece;
  return held_.size() < 2 ? std::string() : finish();
}

std::string UnsureText::finish() {
  if (begun_ || held_.empty()) return {};
  begun_ = true;
  return kBeginning + with_small_letter(std::exchange(held_, {}));
}

std::string unsure_text(std::string_view answer) {
  UnsureText text;
  std::string all = text.push(answer);
  return all + text.finish();
}

}  // namespace pandagpt
