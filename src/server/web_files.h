// The web page: the files of web/, and of examples/data under /examples, built into the program
// (cmake/EmbedFiles.cmake).
#pragma once

#include <span>
#include <string_view>

namespace pandagpt {

struct WebFile {
  std::string_view path;  ///< "/index.html"
  std::string_view content_type;
  std::string_view content;
};

std::span<const WebFile> web_files();

/// The file of a request's path ("/" is "/index.html"); null if there is none.
const WebFile* find_web_file(std::string_view path);

}  // namespace pandagpt
