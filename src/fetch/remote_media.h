// Media behind http(s) addresses. For a server, without becoming a way into its network: only
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

struct RemoteMediaOptions {
  bool allow_private = false;  ///< no check: for people's own commands, and tests
  bool use_proxy = false;  ///< that of the environment; it connects for us, to wherever it likes
  std::chrono::seconds time{20};
};

/// May be used by several threads at once.
class RemoteMedia {
 public:
  explicit RemoteMedia(const RemoteMediaOptions& options) : options_(options) {}

  /// The content of an address. The check is made on the very address that a connection goes to,
  /// so a name that resolves differently a second time gains nothing. Throws Error(kInput).
  Bytes fetch(const std::string& address, std::uint64_t max_bytes) const;

 private:
  RemoteMediaOptions options_;
};

}  // namespace pandagpt
