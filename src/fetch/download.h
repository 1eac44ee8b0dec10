// One file from the web to the disk: resumed, checked, whole or not at all.
//
//   HttpClient http;
//   download(http, Url("https://host/model.gguf"), "model.gguf", {.sha256 = "ab12.."});
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "fetch/http.h"
#include "fetch/retry.h"

namespace pandagpt {

struct DownloadOptions {
  /// What the content must be; empty: not known. Lower-case hexadecimal.
  std::string sha256 = {};
  std::string git_blob = {};               ///< git's id of the content (git_blob_id)
  std::optional<std::uint64_t> size = {};  ///< bytes
  std::uint64_t max_bytes = 64ULL << 30;   ///< larger files are refused
  /// The server says the SHA-256 in the header x-linked-etag, as Hugging Face's does.
  bool trusts_linked_etag = false;
  bool overwrite = false;  ///< replace a file of other content
  std::optional<Token> token = {};
  RetryPolicy retry = {};
  /// Bytes of the file on the disk so far, and all if known.
  std::function<void(std::uint64_t done, std::optional<std::uint64_t> total)> on_progress = {};
};

struct DownloadResult {
  bool was_there = false;        ///< the target had the content already
  std::uint64_t resumed_at = 0;  ///< bytes of an earlier attempt that were used
  std::uint64_t size = 0;        ///< bytes of the file
  bool verified = false;         ///< a hash was known, and it is right
};

/// Fetches `url` into `target`. Until all is there and checked it is `target`.part, which another
/// call goes on with if the server has the same file still (its ETag or date of change, by
/// If-Range). Connections that end early are taken up again (options.retry).
///
/// A target that exists is left alone if its hash is known and right; otherwise it is an
/// Error(kUsage) unless options.overwrite.
/// Throws Error(kInput): no such file, no access, another size or hash than expected, a web page or
/// another format in place of the file, larger than max_bytes; Error(kInternal): no connection,
/// no room on the disk, cancelled (http.options().cancelled). After a wrong hash the bytes are
/// removed, else they stay for the next call.
DownloadResult download(HttpClient& http, const Url& url, const std::filesystem::path& target,
                        const DownloadOptions& options = {});

}  // namespace pandagpt
