#include "core/user_folders.h"

#include <cstdlib>

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kProgram = "pandagpt";

fs::path folder_of(const char* variable, const fs::path& below_home) {
  if (const char* folder = std::getenv(variable); folder != nullptr && *folder != '\0')
    return fs::path(folder) / kProgram;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return fs::path(home) / below_home / kProgram;
  return {};
}

}  // namespace

fs::path user_data_folder() {
  return folder_of("XDG_DATA_HOME", fs::path(".local") / "share");
}

fs::path user_cache_folder() {
  return folder_of("XDG_CACHE_HOME", ".cache");
}

fs::path user_state_folder() {
  return folder_of("XDG_STATE_HOME", fs::path(".local") / "state");
}

}  // namespace pandagpt
