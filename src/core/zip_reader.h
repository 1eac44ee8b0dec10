// The table of a zip archive: torch checkpoints, whose members are stored as they are; wheels of
// Python, NPZ files and recordings of phones, whose members are compressed.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {

/// One file of an archive, as it lies there.
struct ZipMember {
  ByteView data;           ///< packed
  std::uint64_t size = 0;  ///< bytes when unpacked, as the archive says
  std::uint16_t method = 0;
  bool encrypted = false;

  bool is_stored() const { return method == 0 && !encrypted && data.size() == size; }
};

/// Members by name; views into `bytes`. Zip64 is understood. `file` is for messages.
/// Throws Error(kind) if the archive is damaged or truncated.
std::map<std::string, ZipMember> read_zip_table(ByteView bytes, const std::string& file,
                                                ErrorKind kind = ErrorKind::kModel);

/// The same for an archive in which every member must be stored. Throws Error(kModel) if one is
/// compressed or encrypted.
std::map<std::string, ByteView> read_stored_zip(ByteView bytes, const std::string& file);

/// The content of a member. Throws Error(kind): it is encrypted, packed by another method than
/// deflate, damaged, or larger than `max_bytes`.
Bytes unpack(const ZipMember& member, std::uint64_t max_bytes, const std::string& file,
             ErrorKind kind = ErrorKind::kModel);

}  // namespace pandagpt
