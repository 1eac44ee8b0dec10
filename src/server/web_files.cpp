#include "server/web_files.h"

#include <algorithm>

namespace pandagpt {

const WebFile* find_web_file(std::string_view path) {
  if (path == "/") path = "/index.html";
  const auto files = web_files();
  const auto found = std::ranges::find(files, path, &WebFile::path);
  return found == files.end() ? nullptr : &*found;
}

}  // namespace pandagpt
