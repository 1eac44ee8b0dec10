// Reading pieces of a file that may be larger than the memory, or of a buffer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// Reads at absolute offsets; what lies behind the end is OutOfBytes (media/byte_reader.h). One
/// thread at a time.
class ByteSource {
 public:
  /// A regular file. Throws Error(kInput): missing, no file, empty, can't be opened.
  explicit ByteSource(const std::filesystem::path& path);
  /// A buffer, which must outlive this object. `name` stands for it in messages.
  ByteSource(ByteView bytes, std::string name);
  ~ByteSource();
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;

  const std::string& name() const;
  std::uint64_t size() const;
  /// Some bytes, valid until the next call. Meant for headers: neighbours are read together.
  ByteView peek(std::uint64_t at, std::size_t length);
  /// A copy of some bytes. Memory is taken only for what the file has.
  Bytes read(std::uint64_t at, std::uint64_t length);

 private:
  struct Opened;
  std::unique_ptr<Opened> opened_;
};

}  // namespace pandagpt
