// RFC 4648, the common alphabet.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/file.h"

namespace pandagpt {

/// With padding.
std::string base64(ByteView bytes);

/// The inverse; the padding may be missing. Nothing for any other character, a length that can't
/// be, or bits that should be zero.
std::optional<Bytes> decode_base64(std::string_view text);

}  // namespace pandagpt
