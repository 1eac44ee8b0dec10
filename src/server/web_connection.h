// One connection of the web server: a socket as cpp-httplib's stream, with deadlines and budgets.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "server/web_server.h"

namespace pandagpt {

/// For one thread.
class WebConnection final : public httplib::Stream {
 public:
  using Clock = std::chrono::steady_clock;

  /// Takes the socket over. `stopping` ends the waiting for a next request.
  WebConnection(socket_t socket, const WebLimits& limits, const std::atomic<bool>& stopping);
  ~WebConnection() override;
  WebConnection(const WebConnection&) = delete;
  WebConnection& operator=(const WebConnection&) = delete;

  /// The connection whose request this thread works on.
  static WebConnection* current();

  /// Waits for the first byte of a request; false if none comes.
  bool wait_for_request();
  /// The header of a request has been read: its body comes next, if it has one.
  void begin_body(bool has_body);
  /// How much of a body will be read: everything behind it counts as broken off.
  void set_body_budget(std::size_t bytes);
  void body_is_read() { body_left_unread_ = false; }
  /// The header of the request has been read.
  bool is_in_body() const { return in_body_; }
  /// A handler has answered the request, perhaps without a body.
  void answered() { answered_ = true; }
  bool is_answered() const { return answered_; }
  bool has_unread_body() const { return body_left_unread_; }
  /// What is left of the body, or of a header that is none, stands before the next request: the
  /// connection must end.
  bool must_close() const {
    return !in_body_ || body_left_unread_ || over_budget_ || late_ || failed_;
  }
  /// A read ended at the budget or the deadline.
  bool is_over_budget() const { return over_budget_; }
  bool is_late() const { return late_; }

  bool peer_is_gone() const;
  /// Writes a whole response and nothing else, without reading the request.
  /// `in_haste`: others wait meanwhile.
  void refuse(const std::string& response, bool in_haste);

  // httplib::Stream. Those that only some versions of it have are not marked override.
  bool is_readable() const override;
  bool is_writable() const override;
  bool wait_readable() const;
  bool wait_writable() const { return is_writable(); }
  time_t duration() const { return 0; }
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  bool wait(short events, Clock::time_point until) const;
  /// Closes the socket when the client has taken what was sent, or after `time`.
  bool fill();
  void close_slowly(Clock::duration time);

  socket_t socket_;
  const WebLimits& limits_;
  const std::atomic<bool>& stopping_;
  Clock::time_point deadline_;
  std::size_t budget_ = 0;
  std::string buffer_;  // read from the socket, not taken yet
  std::size_t taken_ = 0;
  bool in_body_ = false;
  bool answered_ = false;
  bool body_left_unread_ = false;
  bool over_budget_ = false;
  bool late_ = false;
  bool failed_ = false;
  bool in_haste_ = false;
};

}  // namespace pandagpt
