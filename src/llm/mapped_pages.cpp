#include "llm/mapped_pages.h"

#include <sys/mman.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace pandagpt {

namespace {

/// One line of /proc/self/maps: "7f00-7f10 r--s 00000000 fe:00 1234      /path"; the path's column
/// is padded with spaces, and empty for anonymous memory.
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::string permissions;
  std::string path;

  std::size_t size() const { return end - begin; }
  void advise(int advice) const { madvise(reinterpret_cast<void*>(begin), size(), advice); }
};

std::vector<Mapping> mappings() {
  std::vector<Mapping> all;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    Mapping mapping;
    std::array<char, 5> permissions{};
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n", &mapping.begin,
                    &mapping.end, permissions.data(), &path_at) != 3)
      continue;
    mapping.permissions = permissions.data();
    if (path_at > 0) mapping.path = line.substr(static_cast<std::size_t>(path_at));
    all.push_back(std::move(mapping));
  }
  return all;
}

}  // namespace

void release_mapped_pages(const std::filesystem::path& file) {
  std::error_code code;
  const std::string wanted = std::filesystem::canonical(file, code).string();
  if (code) return;
  for (const Mapping& mapping : mappings())
    if (mapping.path == wanted) mapping.advise(MADV_DONTNEED);  // shared and read only
}

void prefer_huge_pages(std::size_t least_bytes) {
#ifdef MADV_HUGEPAGE
  for (const Mapping& mapping : mappings())
    if (mapping.path.empty() && mapping.permissions == "rw-p" && mapping.size() >= least_bytes)
      mapping.advise(MADV_HUGEPAGE);
#endif
}

}  // namespace pandagpt
