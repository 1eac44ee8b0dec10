// Turns the bytes of sampled tokens into text that may be shown.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pandagpt {

/// Collects an answer. What it releases is valid UTF-8, starts without white space and never shows
/// a stop string, any beginning of one, or the white space before it. Bytes that can't be UTF-8
/// become U+FFFD.
class AnswerStream {
 public:
  /// The answer ends where the first of `stops` begins; empty ones count for nothing.
  explicit AnswerStream(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// Takes the bytes of the next token; returns what may be shown now (maybe nothing).
  std::string push(std::string_view bytes);

  /// The answer is over. `complete`: the model ended it, so text held back because it looked like
  /// the beginning of a stop string is the answer's own; otherwise that text is dropped. Returns
  /// the last text to show.
  std::string finish(bool complete);

  bool stopped() const { return stopped_; }          ///< a stop string was seen
  const std::string& text() const { return text_; }  ///< all that was released

 private:
  std::string release(std::size_t count);
  std::size_t safe_length() const;
  std::size_t find_stop() const;

  std::vector<std::string> stops_;
  std::string raw_;   // bytes that are not yet known to be whole characters
  std::string held_;  // valid UTF-8 not yet released
  std::string text_;
  bool stopped_ = false;
};

}  // namespace pandagpt
