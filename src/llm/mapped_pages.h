// Memory that a mapped file takes in this process.
#pragma once

#include <filesystem>

namespace pandagpt {

/// Gives the pages of `file` that this process has mapped and read back to the system; they are
/// read again, from its cache of the disk, when they are needed. Where the system doesn't tell what
/// is mapped (anything but Linux), nothing happens.
void release_mapped_pages(const std::filesystem::path& file);

}  // namespace pandagpt
