// HTTP/1.1 on top of cpp-httplib, with what it lacks for the open air: time limits for whole
// requests instead of single reads, limits for what is read, a bounded number of connections that
// are refused with 503 instead of queued, and knowledge of clients that have gone.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file.h"
#include "server/request_log.h"

namespace pandagpt {

struct WebLimits {
  int max_connections = 256;  ///< below 1000: cpp-httplib refuses higher descriptors
  std::size_t max_header_bytes = 64 << 10;
  std::size_t max_body_bytes = std::size_t{64} << 20;  ///< unless a handler allows more
  std::chrono::seconds header_time{10};                ///< from a request's first byte to its body
  std::chrono::seconds body_time{60};                  ///< for each 64 MiB begun of the body
  std::chrono::seconds write_time{30};                 ///< without the client taking anything
  std::chrono::seconds keep_alive{30};                 ///< between two requests
};

/// A field or file of a multipart/form-data body.
struct FormPart {
  std::string name;
  std::string file_name;
};

/// One request, as its handler sees it. For the handler's thread, while it runs.
class WebRequest {
 public:
  virtual ~WebRequest() = default;

  std::string method;
  std::string path;
  std::string remote_address;
  /// Whose uploads the request may use (FileStore): set once its API key has been checked.
  std::string file_owner;
  /// For the log; whoever streams the answer keeps it.
  const std::shared_ptr<RequestFacts> facts = std::make_shared<RequestFacts>();

  /// Empty if there is none.
  virtual std::string header(const std::string& name) const = 0;
  virtual std::optional<std::string> query(const std::string& name) const = 0;

  /// The whole body. Throws ApiError 413 beyond max_body_bytes, 400 if it breaks off.
  virtual std::string read_body() = 0;
  /// The parts of a multipart body as they come, up to `max_bytes` in all. Throws as read_body, and
  /// ApiError 400 for another kind of body.
  virtual void read_form(std::size_t max_bytes, const std::function<void(const FormPart&)>& on_part,
                         const std::function<void(ByteView)>& on_data) = 0;

  /// The client has closed the connection.
  virtual bool peer_is_gone() const = 0;
};

/// Where the pieces of a streamed answer go.
class WebStream {
 public:
  virtual ~WebStream() = default;
  /// False if the client has gone, or takes nothing for too long.
  virtual bool write(std::string_view bytes) = 0;
};

struct WebResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Instead of a body: called after the header has been sent.
  std::function<void(WebStream&)> stream;
};

class WebServer {
 public:
  /// Takes every request; what it throws goes through `on_failure`, also what goes wrong before (as
  /// ApiError).
  using Handler = std::function<void(WebRequest&, WebResponse&)>;
  using OnFailure = std::function<void(std::exception_ptr, WebResponse&)>;

  WebServer(WebLimits limits, Handler handler, OnFailure on_failure);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  /// Port 0: any free one. Returns the port. Throws Error(kUsage) if the address can't be had.
  int bind(const std::string& host, int port);
  /// Serves until stop(), then waits for the connections to end.
  void serve();
  /// Answers that are being streamed are cut. May be called by any thread.
  void stop();

  int n_connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
