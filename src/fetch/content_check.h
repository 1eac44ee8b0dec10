// Whether what came over the network is the kind of file that its name promises.
#pragma once

#include <filesystem>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// Bytes from the beginning of a file that check_beginning() wants to see, if it has as many.
inline constexpr std::size_t kBeginningBytes = 512;

/// Throws Error(kInput) if the first bytes are of a web page (unless `name` ends so), of a Git LFS
/// pointer, or of another format than `name`'s ending says: .gguf, .safetensors, .pth, .pt, .zip,
/// .whl, .json. `where` is for messages.
void check_beginning(const std::string& name, ByteView beginning, const std::string& where);

/// Opens formats whose table tells how long the file must be (.gguf, .safetensors, zip archives),
/// so that one that was cut is noticed without a hash. Throws Error(kInput).
void check_whole(const std::string& name, const std::filesystem::path& path,
                 const std::string& where);

}  // namespace pandagpt
