// Files: bounded reading, atomic writing, memory mapping, content hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// Reads a whole regular file, or standard input when `path` is "-".
/// Throws Error(kInput): missing, a folder, no permission, empty, larger than `max_bytes`.
Bytes read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// A file that is written under another name in the same folder until it is whole.
class PendingFile {
 public:
  explicit PendingFile(std::filesystem::path path);
  /// Removes what was written, unless commit() was called.
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Where to write until then.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Flushes the temporary file to disk and renames it over the path. Throws Error(kInternal).
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

/// Throws Error(kInternal) if the disk of `path` has less room than `size` bytes, where the system
/// tells: better known before gigabytes have been computed.
void require_disk_room(const std::filesystem::path& path, std::uint64_t size);

/// Writes through a temporary file in the same folder, flushes it to disk, then renames it over
/// `path`: a reader sees the old content or the new, never a part. `write` gets a binary stream
/// that throws when it can't write. Throws Error(kInternal) on a full disk or missing folder; the
/// temporary file is removed.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(std::ostream&)>& write);

/// Throws Error(kInternal) if the disk that `path` is on has less than `bytes` left: better known
/// before gigabytes have been computed. A disk that doesn't tell is believed to be large enough.
void check_room(const std::filesystem::path& path, std::uint64_t bytes);

/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(ByteView bytes);
/// The same of a file's content, read in blocks. Throws Error(kInput) if it can't be read.
std::string sha256_file(const std::filesystem::path& path);
/// Whether `text` is what they return: 64 lower-case hexadecimal digits.
bool is_sha256(std::string_view text);
/// The id that git gives to a file of this content: SHA-1 over "blob SIZE", a zero byte and the
/// content, in hexadecimal. Throws as sha256_file.
std::string git_blob_id(const std::filesystem::path& path);

/// A read-only memory map of a regular file; unmapped on destruction.
class MappedFile {
 public:
  /// Throws Error(kModel) if the file is missing, empty or can't be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteView bytes() const { return {data_, size_}; }
  /// Gives the memory of `part`, a part of bytes(), back to the system: what has been read once
  /// need not stay resident. It may be read again.
  void release(ByteView part) const;

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace pandagpt
