#include "llm/text_stream.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pandagpt {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kWhiteSpace = " \t\r\n";

bool is_continuation(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xC0) == 0x80;
}

struct Character {
  std::size_t size = 0;  ///< bytes to take
  bool valid = false;    ///< they form one character
  bool complete = true;  ///< false: they may yet become one
};

// Range of the second byte (Unicode 15, table 3-7): no overlong forms, surrogates or values beyond
// U+10FFFF.
bool valid_second(std::uint8_t first, std::uint8_t second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return second >= 0x80 && second <= 0xBF;
  }
}

Character first_character(std::string_view bytes) {
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if (first < 0x80) return {1, true, true};
  std::size_t length = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0) return {1, false, true};
  for (std::size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) return {i, false, false};
    const bool good = i == 1 ? valid_second(first, static_cast<std::uint8_t>(bytes[1]))
                             : is_continuation(bytes[i]);
    if (!good) return {i, false, true};
  }
  return {length, true, true};
}

// Moves whole characters from `raw` to `text`; an incomplete one at the end stays.
void move_characters(std::string& raw, std::string& text) {
  std::size_t at = 0;
  while (at < raw.size()) {
    const Character character = first_character(std::string_view(raw).substr(at));
    if (!character.complete) break;
    if (character.valid) {
      text.append(raw, at, character.size);
    } else {
      text.append(kReplacement);
    }
    at += character.size;
  }
  raw.erase(0, at);
}

// How much of `text`'s end could be the beginning of `stop`.
std::size_t partial_stop(std::string_view text, std::string_view stop) {
  for (std::size_t size = std::min(text.size(), stop.size()); size > 0; --size) {
    if (text.ends_with(stop.substr(0, size))) return size;
  }
  return 0;
}

std::size_t without_trailing_space(std::string_view text) {
  return text.find_last_not_of(kWhiteSpace) + 1;  // npos + 1 == 0
}

}  // namespace

std::string AnswerStream::push(std::string_view bytes) {
  if (stopped_) return {};
  raw_ += bytes;
  move_characters(raw_, held_);
  if (text_.empty()) held_.erase(0, std::min(held_.find_first_not_of(kWhiteSpace), held_.size()));
  if (const std::size_t at = find_stop(); at != std::string::npos) {
    stopped_ = true;
    held_.resize(at);
  }
  return release(safe_length());
}

std::size_t AnswerStream::find_stop() const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_)
    if (!stop.empty()) first = std::min(first, held_.find(stop));
  return first;
}

std::size_t AnswerStream::safe_length() const {
  std::size_t tail = 0;
  for (const std::string& stop : stops_)
    if (!stopped_) tail = std::max(tail, partial_stop(held_, stop));
  return without_trailing_space(std::string_view(held_).substr(0, held_.size() - tail));
}

std::string AnswerStream::finish(bool complete) {
  raw_.clear();  // never became a character
  std::string last =
      complete && !stopped_ ? release(without_trailing_space(held_)) : release(safe_length());
  held_.clear();
  return last;
}

std::string AnswerStream::release(std::size_t count) {
  std::string out = held_.substr(0, count);
  held_.erase(0, count);
  text_ += out;
  return out;
}

}  // namespace pandagpt
