// RFC 4648.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/file.h"

namespace pandagpt {

/// In the common alphabet, with padding.
std::string base64(ByteView bytes);

/// The inverse, forgiving as browsers are: ASCII white space anywhere (tools wrap lines), the
/// common alphabet or the one for addresses (- and _), padding or none. Nothing for any other
/// character, a length that can't be, or bits that should be zero.
std::optional<Bytes> decode_base64(std::string_view text);

}  // namespace pandagpt
