#include "core/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlockBytes = 1 << 20;
constexpr std::string_view kDigits = "0123456789abcdef";

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::kInput, path.string() + ": " + why);
}

/// A digest of `kSize` bytes that grows piece by piece.
template <std::size_t kSize>
class Hash {
 public:
  explicit Hash(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_MD_size(kind) != static_cast<int>(kSize) ||
        EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1)
      throw Error(ErrorKind::kInternal, "a hash function is not available in this OpenSSL");
  }
  void add(const void* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  void add_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) fail(path, std::string("can't be opened: ") + std::strerror(errno));
    std::vector<char> block(kBlockBytes);
    while (in) {
      in.read(block.data(), static_cast<std::streamsize>(block.size()));
      add(block.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) fail(path, "reading failed");
  }
  std::array<std::uint8_t, kSize> finish() {
    std::array<std::uint8_t, kSize> digest{};
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

using Sha256Hash = Hash<std::tuple_size_v<Sha256>>;
using Sha1Hash = Hash<20>;

}  // namespace

Sha256 sha256(std::span<const std::uint8_t> bytes) {
  Sha256Hash hash(EVP_sha256());
  hash.add(bytes.data(), bytes.size());
  return hash.finish();
}

Sha256 sha256(std::string_view text) {
  return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Sha256 sha256_of_file(const fs::path& path) {
  Sha256Hash hash(EVP_sha256());
  hash.add_file(path);
  return hash.finish();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<Sha256> sha256_from_hex(std::string_view hex) {
  Sha256 digest{};
  if (hex.size() != 2 * digest.size()) return {};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const std::size_t high = kDigits.find(hex[2 * i]);
    const std::size_t low = kDigits.find(hex[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return {};
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

std::string sha256_hex(ByteView bytes) {
  return to_hex(sha256(bytes));
}

std::string sha256_file(const fs::path& path) {
  return to_hex(sha256_of_file(path));
}

bool is_sha256(std::string_view text) {
  return sha256_from_hex(text).has_value();
}

std::string git_blob_id(const fs::path& path) {
  std::error_code code;
  const std::string size = std::to_string(fs::file_size(path, code));
  if (code) fail(path, code.message());
  const std::string header = "blob " + size;
  Sha1Hash hash(EVP_sha1());
  hash.add(header.c_str(), header.size() + 1);
  hash.add_file(path);
  return to_hex(hash.finish());
}

}  // namespace pandagpt
