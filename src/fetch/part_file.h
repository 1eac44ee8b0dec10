// An unfinished download: FILE.part, and beside it what is needed to go on with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/file.h"

namespace pandagpt {

inline constexpr const char* kPartEnding = ".part";
inline constexpr const char* kPartStateEnding = ".part.json";

/// What the first bytes belong to.
struct PartState {
  std::string url_sha256;  ///< the address may hold a signature, which isn't written to disk
  std::string validator;   ///< a strong ETag or the date of the last change; empty: none
  std::optional<std::uint64_t> total;  ///< bytes of the whole file, if the server has said

  bool operator==(const PartState&) const = default;
};

/// Locked against other processes for as long as it lives. What has been appended stays if the
/// process dies.
class PartFile {
 public:
  /// Makes the folder if there is none. Throws Error(kUsage) if another process is downloading the
  /// same file, Error(kInput) if the folder can't be written.
  explicit PartFile(std::filesystem::path target);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Bytes so far.
  std::uint64_t size() const { return size_; }
  /// Nothing if the bytes aren't known to belong to anything; they are then of no use.
  const std::optional<PartState>& state() const { return state_; }

  /// Begins anew, with no bytes.
  void restart(const PartState& state);
  /// Throws Error(kInternal) on a full disk.
  void append(ByteView bytes);
  /// The first bytes, `n` at most.
  Bytes head(std::size_t n) const;
  /// To the disk, then under the name of the target, over what is there. The lock ends.
  void finish();
  /// Removes the bytes and what is known of them. The lock ends.
  void discard();

 private:
  void open_and_lock();
  void read_state();
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path target_;
  std::filesystem::path path_;
  std::filesystem::path state_path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::optional<PartState> state_;
};

}  // namespace pandagpt
