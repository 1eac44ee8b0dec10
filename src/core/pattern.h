// Patterns of file names, as in a shell.
#pragma once

#include <filesystem>
#include <string>

namespace pandagpt {

/// Whether `pattern` fits the path or its last part alone; "*" fits "/" too.
bool fits_pattern(const std::string& pattern, const std::filesystem::path& path);

}  // namespace pandagpt
