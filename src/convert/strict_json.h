// JSON from files that need not be trusted.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// The table that `bytes` hold. `file` is for messages. Throws Error(kModel): not JSON, not UTF-8,
/// not a table, nested more than `max_depth` deep, or with a key twice, of which ordinary parsers
/// silently keep the last.
nlohmann::json parse_strict_json(ByteView bytes, int max_depth, const std::string& file);

/// The same of a text file of at most `max_bytes` (core/text_file.h). Throws Error(kModel).
nlohmann::json read_strict_json(const std::filesystem::path& path, std::uint64_t max_bytes,
                                int max_depth);

}  // namespace pandagpt
