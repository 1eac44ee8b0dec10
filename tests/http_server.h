// A web server inside the test, which answers with whatever bytes the test wants: cut, wrong, or as
// they should be.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pandagpt::test {

struct ServerRequest {
  std::string target;                          ///< as sent: "/path?query"
  std::map<std::string, std::string> headers;  ///< names in lower case

  bool has(const std::string& name) const { return headers.count(name) > 0; }
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

/// "HTTP/1.1 STATUS", headers, body. The length is the body's unless it is among the headers.
inline std::string response(const std::string& status, const std::string& body,
                            const std::vector<std::string>& headers = {}) {
  std::string text = "HTTP/1.1 " + status + "\r\nConnection: close\r\n";
  bool has_length = false;
  for (const std::string& line : headers) {
    text += line + "\r\n";
    has_length =
        has_length || line.starts_with("Content-Length") || line.starts_with("Transfer-Encoding");
  }
  if (!has_length) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

/// A file as a good server sends it: with an ETag, whole or from an offset on.
inline std::string file_response(const ServerRequest& request, const std::string& content,
                                 const std::string& etag = "\"v1\"",
                                 std::vector<std::string> headers = {}) {
  headers.push_back("ETag: " + etag);
  const std::string range = request.header("range");
  const bool unchanged = !request.has("if-range") || request.header("if-range") == etag;
  if (range.empty() || !unchanged) return response("200 OK", content, headers);
  const std::size_t first = std::stoull(range.substr(std::string("bytes=").size()));
  const std::string size = std::to_string(content.size());
  if (first >= content.size()) {
    headers.push_back("Content-Range: bytes */" + size);
    return response("416 Range Not Satisfiable", "", headers);
  }
  headers.push_back("Content-Range: bytes " + std::to_string(first) + "-" +
                    std::to_string(content.size() - 1) + "/" + size);
  return response("206 Partial Content", content.substr(first), headers);
}

/// One request a connection, one connection at a time, on a free port of this machine.
class HttpServer {
 public:
  /// Gives all bytes of the answer, after which the connection is closed.
  using Handler = std::function<std::string(const ServerRequest&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, raw, size) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, raw, &size) != 0)
      ADD_FAILURE() << "no port for a server";
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::vector<ServerRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string head;
      char block[4096];
      ssize_t got = 0;
      while (head.find("\r\n\r\n") == std::string::npos &&
             (got = recv(connection, block, sizeof(block), 0)) > 0)
        head.append(block, static_cast<std::size_t>(got));
      if (!head.empty()) answer(connection, head);
      // A reset would discard what the client has not read yet.
      shutdown(connection, SHUT_WR);
      while (recv(connection, block, sizeof(block), 0) > 0) {
      }
      close(connection);
    }
  }

  void answer(int connection, const std::string& head) {
    const ServerRequest request = parse(head);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const std::string bytes = handler_(request);
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  static ServerRequest parse(const std::string& head) {
    ServerRequest request;
    const std::size_t space = head.find(' ');
    request.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    for (std::size_t begin = head.find("\r\n") + 2; begin < head.size();) {
      const std::size_t end = head.find("\r\n", begin);
      const std::string line = head.substr(begin, end - begin);
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) {
        std::string name = line.substr(0, colon);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        request.headers[name] = line.substr(colon + 2);
      }
      begin = end + 2;
    }
    return request;
  }

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<ServerRequest> requests_;
  std::thread thread_;
};

}  // namespace pandagpt::test
