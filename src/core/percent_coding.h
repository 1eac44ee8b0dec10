// The bytes that addresses hold as %XX.
#pragma once

#include <string>
#include <string_view>

namespace pandagpt {

/// Each %XX as its byte, %00 too; a percent sign without two digits behind it stays.
std::string percent_decode(std::string_view text);

}  // namespace pandagpt
