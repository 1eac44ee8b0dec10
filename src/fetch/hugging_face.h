// Repositories of models on huggingface.co, or a server that speaks its protocol.
//
//   hf:owner/repo                    all files
//   hf:owner/repo@revision           of a branch, tag or commit
//   hf:owner/repo:model.Q4_K_M.gguf  one file
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fetch/http.h"
#include "fetch/retry.h"

namespace pandagpt {

struct HubSource {
  std::string owner;
  std::string repo;
  std::string revision = "main";
  std::string file;  ///< empty: all
};

/// Whether `text` begins with "hf:".
bool is_hub_source(const std::string& text);
/// Throws Error(kUsage) if it isn't of the form above.
HubSource parse_hub_source(const std::string& text);

/// A file of a repository, as its list says.
struct HubFile {
  std::filesystem::path path;  ///< safe to write below any folder
  std::uint64_t size = 0;
  std::string sha256;    ///< of files in LFS, otherwise empty
  std::string git_blob;  ///< of the others
};

class Hub {
 public:
  /// `endpoint`: $HF_ENDPOINT, otherwise https://huggingface.co. Throws Error(kUsage) if it is no
  /// address.
  Hub();
  const Url& endpoint() const { return endpoint_; }

  /// All files of a repository, in the server's order. Throws as HttpClient::get, and Error(kInput)
  /// if the list can't be understood, names a file twice or one that isn't safe to write.
  std::vector<HubFile> files(HttpClient& http, const HubSource& source,
                             const std::optional<Token>& token, const RetryPolicy& retry) const;
  /// Where the content of a file is.
  Url address(const HubSource& source, const std::string& file) const;

 private:
  std::string base_;  ///< of addresses, without a slash at the end
  Url endpoint_;
};

}  // namespace pandagpt
