// Where this user's own files of the program are, by the XDG base directory specification.
#pragma once

#include <filesystem>

namespace pandagpt {

/// $XDG_DATA_HOME/pandagpt, or ~/.local/share/pandagpt; empty if there is no home.
std::filesystem::path user_data_folder();
/// $XDG_CACHE_HOME/pandagpt, or ~/.cache/pandagpt; empty if there is no home. May be removed at any
/// time.
std::filesystem::path user_cache_folder();

/// $XDG_STATE_HOME/pandagpt, or ~/.local/state/pandagpt; empty if there is no home.
std::filesystem::path user_state_folder();

}  // namespace pandagpt
