// JSON from files that need not be trusted.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// The table that `bytes` hold. `file` is for messages. Throws Error(kModel): not JSON, not UTF-8,
/// not a table, nested more than `max_depth` deep, or with a key twice, of which ordinary parsers
/// silently keep the last.
nlohmann::json parse_strict_json(ByteView bytes, int max_depth, const std::string& file);

}  // namespace pandagpt
