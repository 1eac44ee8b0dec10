// This process's memory mappings: giving pages back, and asking for large ones.
#pragma once

#include <cstddef>
#include <filesystem>

namespace pandagpt {

/// Gives the pages of `file` that this process has mapped and read back to the system; they are
/// read again, from its cache of the disk, when they are needed. Where the system doesn't tell what
/// is mapped (anything but Linux), nothing happens.
void release_mapped_pages(const std::filesystem::path& file);

/// Asks for huge pages for every private anonymous mapping of at least `least_bytes` (such as the
/// weights that llama.cpp repacks) that holds nothing yet: fewer page faults while it is filled,
/// and fewer misses of the TLB while it is read. Nothing happens where the system has none to give.
void prefer_huge_pages(std::size_t least_bytes);

}  // namespace pandagpt
