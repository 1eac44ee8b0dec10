// Names that nobody else has chosen, and that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace pandagpt {

inline constexpr std::size_t kRandomIdDigits = 32;  // of four bits

/// "chatcmpl-" and 32 random hexadecimal digits.
std::string random_id(const std::string& prefix);

}  // namespace pandagpt
