// Results of a search as an HTML page without outside parts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "search/searcher.h"

namespace pandagpt {

struct ResultsPage {
  SearchQuery query;
  std::vector<SearchGroup> groups;
  std::filesystem::path database;
  std::string model_name;
};

/// Thumbnails are made from the files as they are now. Files of standard input have none.
std::string to_html(const ResultsPage& page);

}  // namespace pandagpt
