// The table of a zip archive whose members are stored, not compressed, as torch.save writes it.
#pragma once

#include <map>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// Members by name; views into `bytes`. Zip64 is understood. `file` is for messages.
/// Throws Error(kModel): damaged, truncated, or with a compressed or encrypted member.
std::map<std::string, ByteView> read_stored_zip(ByteView bytes, const std::string& file);

}  // namespace pandagpt
