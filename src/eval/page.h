// What the pages of `pandagpt eval` begin and end with.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pandagpt {

/// Up to and with the heading. The page follows the reader's light or dark setting.
std::string page_begin(const std::string& title);
/// The model's files (role, SHA-256) and the end.
std::string page_end(const std::vector<std::pair<std::string, std::string>>& model_files);

}  // namespace pandagpt
