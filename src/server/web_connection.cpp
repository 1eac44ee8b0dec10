#include "server/web_connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace pandagpt {
namespace {

constexpr std::size_t kBufferBytes = 16 << 10;
constexpr auto kStopInterval = std::chrono::milliseconds(100);   // between looks at `stopping`
constexpr std::size_t kBytesOfBodyTime = std::size_t{64} << 20;  // WebLimits::body_time
// A socket that is closed with unread bytes is reset, and the client may lose the answer: so much
// is still read of what it sends.
constexpr auto kLingerTime = std::chrono::milliseconds(500);
constexpr auto kHastyLingerTime = std::chrono::milliseconds(10);
constexpr std::size_t kLingerBytes = std::size_t{4} << 20;

thread_local WebConnection* current_connection = nullptr;

using Peer = int(int, sockaddr*, socklen_t*);

void read_address(Peer* function, int socket, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (function(socket, raw, &size) != 0 ||
      getnameinfo(raw, size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  ip = host.data();
  port = std::atoi(service.data());
}

}  // namespace

WebConnection::WebConnection(socket_t socket, const WebLimits& limits,
                             const std::atomic<bool>& stopping)
    : socket_(socket), limits_(limits), stopping_(stopping) {
  current_connection = this;
}

WebConnection::~WebConnection() {
  current_connection = nullptr;
  close_slowly(in_haste_ ? kHastyLingerTime : kLingerTime);
}

WebConnection* WebConnection::current() {
  return current_connection;
}

void WebConnection::close_slowly(Clock::duration time) {
  shutdown(socket_, SHUT_WR);
  const Clock::time_point end = Clock::now() + time;
  std::size_t n_read = 0;
  std::array<char, kBufferBytes> sink;
  while (!stopping_ && n_read < kLingerBytes && wait(POLLIN, end)) {
    const ssize_t n = recv(socket_, sink.data(), sink.size(), MSG_DONTWAIT);
    if (n <= 0) break;
    n_read += static_cast<std::size_t>(n);
  }
  close(socket_);
}

bool WebConnection::wait(short events, Clock::time_point until) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    pollfd one{socket_, events, 0};
    const auto slice = std::min<std::chrono::milliseconds>(left, kStopInterval);
    const int n = poll(&one, 1, static_cast<int>(slice.count()));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
    if (stopping_) return false;
  }
}

bool WebConnection::wait_for_request() {
  in_body_ = answered_ = body_left_unread_ = over_budget_ = late_ = false;
  budget_ = limits_.max_header_bytes;
  if (taken_ == buffer_.size() && !wait(POLLIN, Clock::now() + limits_.keep_alive)) return false;
  deadline_ = Clock::now() + limits_.header_time;
  return !stopping_;
}

void WebConnection::begin_body(bool has_body) {
  in_body_ = true;
  body_left_unread_ = has_body;
  set_body_budget(limits_.max_body_bytes);
}

void WebConnection::set_body_budget(std::size_t bytes) {
  // What frames the content (chunk sizes, boundaries) counts too.
  budget_ = bytes + bytes / 16 + limits_.max_header_bytes;
  deadline_ = Clock::now() + limits_.body_time * static_cast<int>(1 + bytes / kBytesOfBodyTime);
}

bool WebConnection::peer_is_gone() const {
  if (failed_) return true;
  if (taken_ < buffer_.size()) return false;
  char byte = 0;
  const ssize_t n = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void WebConnection::refuse(const std::string& response, bool in_haste) {
  in_haste_ = in_haste;
  send(socket_, response.data(), response.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool WebConnection::wait_readable() const {
  return taken_ < buffer_.size() || wait(POLLIN, deadline_);
}

bool WebConnection::is_readable() const {
  return wait_readable();
}

bool WebConnection::is_writable() const {
  return !peer_is_gone() && wait(POLLOUT, Clock::now() + limits_.write_time);
}

bool WebConnection::fill() {
  if (budget_ == 0) {
    over_budget_ = true;
    return false;
  }
  if (!wait(POLLIN, deadline_)) {
    late_ = true;
    return false;
  }
  buffer_.resize(std::min(kBufferBytes, budget_));
  taken_ = 0;
  ssize_t n = 0;
  do {
    n = recv(socket_, buffer_.data(), buffer_.size(), 0);
  } while (n < 0 && errno == EINTR);
  buffer_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  budget_ -= buffer_.size();
  if (n <= 0) failed_ = true;
  return n > 0;
}

ssize_t WebConnection::read(char* data, std::size_t size) {
  if (taken_ == buffer_.size() && !fill()) return over_budget_ || late_ ? -1 : 0;
  const std::size_t n = std::min(size, buffer_.size() - taken_);
  std::memcpy(data, buffer_.data() + taken_, n);
  taken_ += n;
  return static_cast<ssize_t>(n);
}

ssize_t WebConnection::write(const char* data, std::size_t size) {
  const Clock::time_point end = Clock::now() + limits_.write_time;
  while (!failed_ && wait(POLLOUT, end)) {
    const ssize_t n = send(socket_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return n;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) break;
  }
  failed_ = true;
  return -1;
}

void WebConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  read_address(getpeername, socket_, ip, port);
}

void WebConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  read_address(getsockname, socket_, ip, port);
}

}  // namespace pandagpt
