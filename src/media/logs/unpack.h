// Chunks of robots' logs -> the records in them.
#pragma once

#include <cstdint>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// Larger chunks aren't unpacked. Recorders close one after a few megabytes, or one message.
inline constexpr std::uint64_t kMaxChunkBytes = std::uint64_t{512} << 20;

/// `packed` as the method says: "none" or "", "lz4" (frames), "zstd", "bz2". The result has `size`
/// bytes; memory grows with what is unpacked, not with what the file promises. `where` is for
/// messages. Throws Error(kInput): another method, one that this build lacks, damaged, another size
/// than told, larger than kMaxChunkBytes.
Bytes unpack_chunk(Bytes packed, const std::string& method, std::uint64_t size,
                   const std::string& where);

}  // namespace pandagpt
