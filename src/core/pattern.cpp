#include "core/pattern.h"

#include <fnmatch.h>

namespace pandagpt {

bool fits_pattern(const std::string& pattern, const std::filesystem::path& path) {
  return fnmatch(pattern.c_str(), path.c_str(), 0) == 0 ||
         fnmatch(pattern.c_str(), path.filename().c_str(), 0) == 0;
}

}  // namespace pandagpt
