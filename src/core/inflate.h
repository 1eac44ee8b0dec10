// Unpacking deflated data (zlib).
#pragma once

#include <cstdint>
#include <string>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {

/// What lies around the compressed data.
enum class Deflated {
  kRaw,   ///< nothing: members of zip archives
  kGzip,  ///< a gzip file's header and checksum
};

/// The unpacked bytes. `file` is for messages. Throws Error(kind): damaged, truncated, or larger
/// than `max_bytes`, beyond which nothing is unpacked.
Bytes inflate_bytes(ByteView packed, Deflated format, std::uint64_t max_bytes,
                    const std::string& file, ErrorKind kind = ErrorKind::kModel);

}  // namespace pandagpt
