#include "llm/mapped_pages.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace pandagpt {

void release_mapped_pages(const std::filesystem::path& file) {
  std::error_code code;
  const std::string wanted = std::filesystem::canonical(file, code).string();
  if (code) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(wanted)) continue;
    std::uintptr_t begin = 0, end = 0;
    int path_at = 0;
    // "7f00-7f10 r--s 00000000 fe:00 1234      /path", the path's column is padded with spaces
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &begin, &end,
                    &path_at) == 2 &&
        path_at > 0 &&
        line.compare(static_cast<std::size_t>(path_at), std::string::npos, wanted) == 0)
      madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // shared and read only
  }
}

}  // namespace pandagpt
