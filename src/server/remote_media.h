// Media behind http(s) addresses in requests, without becoming a way into this network: only
// addresses that are public are connected to, also behind redirects.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/file.h"

struct sockaddr;

namespace pandagpt {

/// Whether an IPv4 or IPv6 address is one of the public internet: not this machine, a private
/// network, link-local, multicast, reserved, or one of those wrapped into IPv6.
bool is_public_address(const sockaddr* address);

/// May be used by several threads at once.
class RemoteMedia {
 public:
  /// `allow_private`: no check, for tests.
  explicit RemoteMedia(bool allow_private, std::chrono::seconds time = std::chrono::seconds(20))
      : allow_private_(allow_private), time_(time) {}

  /// The content of an address. The check is made on the very address that a connection goes to,
  /// so a name that resolves differently a second time gains nothing. Throws ApiError 400.
  Bytes fetch(const std::string& address, std::uint64_t max_bytes) const;

 private:
  bool allow_private_;
  std::chrono::seconds time_;
};

}  // namespace pandagpt
