#include "fetch/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "core/percent_coding.h"
#include "fetch/safe_path.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct UrlCloser {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlCloser>;

UrlHandle parse(const std::string& text) {
  UrlHandle handle(curl_url());
  if (!handle) throw Error(ErrorKind::kInternal, "out of memory for an address");
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0);
  if (code != CURLUE_OK || text.find('\0') != std::string::npos)
    throw Error(ErrorKind::kUsage,
                "'" + printable(text) + "' is no address" +
                    (code != CURLUE_OK ? std::string(" (") + curl_url_strerror(code) + ")" : ""));
  return handle;
}

/// A part of the address; empty if it has none.
std::string part(const UrlHandle& handle, CURLUPart what, unsigned int flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle.get(), what, &text, flags) != CURLUE_OK) return {};
  std::string result(text);
  curl_free(text);
  return result;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Url::Url(const std::string& text) {
  const UrlHandle handle = parse(text);
  text_ = part(handle, CURLUPART_URL);
  scheme_ = lower(part(handle, CURLUPART_SCHEME));
  host_ = lower(part(handle, CURLUPART_HOST));
  if ((scheme_ != "http" && scheme_ != "https") || host_.empty())
    throw Error(ErrorKind::kUsage,
                "'" + printable(text) + "' is no address that begins with https:// or http://");
  origin_ = scheme_ + "://" + host_ + ":" + part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const std::string path = part(handle, CURLUPART_PATH);
  file_name_ = percent_decode(path.substr(path.rfind('/') + 1));
  for (const CURLUPart hidden :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT})
    curl_url_set(handle.get(), hidden, nullptr, 0);
  shown_ = part(handle, CURLUPART_URL);
}

bool Url::is_private() const {
  return scheme_ == "https" || host_ == "localhost" || host_.starts_with("127.") ||
         host_ == "[::1]";
}

Url Url::redirected(const std::string& location) const {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::kInput,
                shown_ + ": the server points to '" + printable(location) + "', which " + why);
  };
  const UrlHandle handle = parse(text_);
  if (curl_url_set(handle.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
    refuse("is no address");
  const std::string scheme = lower(part(handle, CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https") refuse("isn't followed: only http and https are");
  if (scheme == "http" && scheme_ == "https")
    refuse("isn't followed: it leaves the encrypted connection");
  return Url(part(handle, CURLUPART_URL));
}

std::string percent_encode(const std::string& text, bool keep_slashes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = byte < 0x80 && std::isalnum(byte) != 0;
    if (letter || c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes)) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace pandagpt
