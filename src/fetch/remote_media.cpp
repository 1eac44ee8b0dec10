#include "fetch/remote_media.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "fetch/http.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

struct V4Range {
  std::uint32_t network;
  int bits;
};

// IANA's special-purpose registries (RFC 6890 and its updates).
constexpr V4Range kSpecialV4[] = {
    {0x00000000, 8},   // this network
    {0x0A000000, 8},   // private
    {0x64400000, 10},  // shared, carrier-grade NAT
    {0x7F000000, 8},   // loopback
    {0xA9FE0000, 16},  // link-local, also the clouds' metadata services
    {0xAC100000, 12},  // private
    {0xC0000000, 24},  // IETF
    {0xC0000200, 24},  // documentation
    {0xC0586300, 24},  // 6to4 relays
    {0xC0A80000, 16},  // private
    {0xC6120000, 15},  // benchmarks
    {0xC6336400, 24},  // documentation
    {0xCB007100, 24},  // documentation
    {0xE0000000, 4},   // multicast
    {0xF0000000, 4},   // reserved, broadcast
};

bool is_public_v4(std::uint32_t address) {
  return std::ranges::none_of(kSpecialV4, [&](const V4Range& range) {
    return (address >> (32 - range.bits)) == (range.network >> (32 - range.bits));
  });
}

std::uint32_t v4_at(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

bool is_public_v6(const in6_addr& address) {
  const std::uint8_t* bytes = address.s6_addr;
  const auto begins = [&](std::initializer_list<int> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes);
  };
  if (begins({0x00, 0x64, 0xFF, 0x9B})) return is_public_v4(v4_at(bytes + 12));  // NAT64
  if (begins({0x20, 0x02})) return is_public_v4(v4_at(bytes + 2));               // 6to4
  // Global unicast is 2000::/3; of it, 2001::/23 is IETF's (Teredo) and 2001:db8::/32 is for
  // documentation. Everything else is local, mapped IPv4, multicast or reserved.
  if ((bytes[0] & 0xE0) != 0x20)
    return IN6_IS_ADDR_V4MAPPED(&address) && is_public_v4(v4_at(bytes + 12));
  if (begins({0x20, 0x01}) && bytes[2] < 2) return false;
  return !begins({0x20, 0x01, 0x0D, 0xB8}) && !begins({0x3F, 0xFF});
}

}  // namespace

bool is_public_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof(v4));
    return is_public_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof(v6));
  return is_public_v6(v6.sin6_addr);
}

Bytes RemoteMedia::fetch(const std::string& address, std::uint64_t max_bytes) const {
  const Clock::time_point end = Clock::now() + options_.time;
  HttpOptions http;
  http.connect_timeout = http.stall_timeout = std::chrono::seconds(5);
  http.cancelled = [end] { return Clock::now() > end; };
  http.use_proxy = options_.use_proxy;
  if (!options_.allow_private) http.may_connect = is_public_address;
  Bytes content;
  const auto require_fits = [&](std::uint64_t size) {
    if (size > max_bytes)
      throw Error(ErrorKind::kInput, "what is at the address is larger than the limit of " +
                                         std::to_string(max_bytes >> 20) + " MiB");
  };
  const HttpSink sink{
      .on_head = [&](const HttpResponse& head) { require_fits(head.content_length.value_or(0)); },
      .on_data =
          [&](ByteView part) {
            require_fits(content.size() + part.size());
            content.insert(content.end(), part.begin(), part.end());
          }};
  try {
    HttpClient(http).get({.url = Url(address)}, sink);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInput,
                Clock::now() > end ? "the address answers too slowly" : error.what());
  }
  if (content.empty()) throw Error(ErrorKind::kInput, "what is at the address is empty");
  return content;
}

}  // namespace pandagpt
