// Addresses of the web: http and https only.
#pragma once

#include <string>

namespace pandagpt {

class Url {
 public:
  /// Throws Error(kUsage) for what is no address, or one of another scheme.
  explicit Url(const std::string& text);

  /// The whole, for the request. May hold a password or a signature: not for messages.
  const std::string& text() const { return text_; }
  /// The same without credentials, query and fragment, for messages.
  const std::string& shown() const { return shown_; }
  const std::string& scheme() const { return scheme_; }
  /// Lower case.
  const std::string& host() const { return host_; }
  /// The last part of the path, decoded; empty if it ends with a slash. Any bytes: see safe_path.h.
  const std::string& file_name() const { return file_name_; }

  /// Same scheme, host and port.
  bool same_origin(const Url& other) const { return origin_ == other.origin_; }
  /// https, or a server on this machine: what is sent stays secret.
  bool is_private() const;

  /// Where a response of this address points to by a relative or absolute address.
  /// Throws Error(kInput) if that is no address, of another scheme than http and https, or leaves
  /// https for http.
  Url redirected(const std::string& location) const;

 private:
  std::string text_;
  std::string shown_;
  std::string scheme_;
  std::string host_;
  std::string origin_;
  std::string file_name_;
};

/// All bytes but letters, digits and "-._~" as %XX; "/" stays if `keep_slashes`.
std::string percent_encode(const std::string& text, bool keep_slashes);

}  // namespace pandagpt
