// Names that nobody else has chosen.
#pragma once

#include <string>

namespace pandagpt {

/// "chatcmpl-" and 24 random digits.
std::string random_id(const std::string& prefix);

}  // namespace pandagpt
