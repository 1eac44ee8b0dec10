// "I am not sure; perhaps a cat.": how an answer about something strange begins.
#pragma once

#include <string>
#include <string_view>

namespace pandagpt {

/// Puts that in front of an answer that comes in pieces, whose first letter becomes a small one.
class UnsureText {
 public:
  /// What to show for the next piece; may be empty.
  std::string push(std::string_view piece);
  /// What to show at the end. Nothing stands in front of an empty answer.
  std::string finish();

 private:
  std::string held_;  // the first letter, until the next one tells whether it is "I"
  bool begun_ = false;
};

/// The same of a whole answer.
std::string unsure_text(std::string_view answer);

}  // namespace pandagpt
