#include "server/web_server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "pandagpt/error.h"
#include "server/api_error.h"
#include "server/web_connection.h"

namespace pandagpt {
namespace {

// Longer paths are no route of ours, and cpp-httplib matches them by recursive regular expressions.
constexpr std::size_t kMaxPathBytes = 512;
constexpr const char* kTooLongPath = "/path-too-long";
constexpr const char* kAnyPath = "[\\s\\S]*";
constexpr int kRefusedRetrySeconds = 1;
// Beyond max_connections, for clients that are refused: they must take the answer.
constexpr int kRefusingThreads = 32;
constexpr int kBacklog = 1024;  // cpp-httplib's 5 drops what comes at once

/// Whether this thread has no connection of its own to give: the one at hand is refused.
thread_local bool is_refusing = false;

/// A thread for each connection, up to a limit; beyond it they are refused at once. Threads are
/// kept for the next connection.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(int limit) : limit_(static_cast<std::size_t>(limit)) {}

  // bool in newer versions of cpp-httplib, where false closes the connection.
  using Result = decltype(std::declval<httplib::TaskQueue>().enqueue(std::function<void()>()));

  Result enqueue(std::function<void()> task) override {
    if (!take(task)) {
      is_refusing = true;
      task();
      is_refusing = false;
    }
    return Result(true);
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_)
      thread.join();
  }

 private:
  bool take(std::function<void()>& task) {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= n_idle_) {
      if (threads_.size() == limit_) return false;
      threads_.emplace_back([this] { work(); });
      ++n_idle_;
    }
    tasks_.push_back(std::move(task));
    changed_.notify_one();
    return true;
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      --n_idle_;
      lock.unlock();
      task();
      lock.lock();
      ++n_idle_;
    }
  }

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t n_idle_ = 0;  // threads that wait, those for which a task has been put down included
  bool stopping_ = false;
};

/// Counts itself for as long as it lives.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

class Request final : public WebRequest {
 public:
  Request(const httplib::Request& request, const httplib::ContentReader* content,
          const WebLimits& limits)
      : request_(request), content_(content), limits_(limits) {
    method = request.method;
    path = request.path;
    remote_address = request.remote_addr;
  }

  std::string header(const std::string& name) const override {
    return request_.get_header_value(name);
  }
  std::optional<std::string> query(const std::string& name) const override {
    if (!request_.has_param(name)) return std::nullopt;
    return request_.get_param_value(name);
  }

  std::string read_body() override {
    std::string body;
    // Without a length, cpp-httplib would read until the client closes.
    if (content_ == nullptr || !WebConnection::current()->has_unread_body()) return body;
    too_large_ = is_announced_beyond(limits_.max_body_bytes);
    if (too_large_) check_read(false, limits_.max_body_bytes);
    const bool complete = (*content_)([&](const char* data, std::size_t size) {
      if (body.size() + size > limits_.max_body_bytes) {
        too_large_ = true;
        return false;
      }
      body.append(data, size);
      return true;
    });
    check_read(complete, limits_.max_body_bytes);
    return body;
  }

  void read_form(std::size_t max_bytes, const std::function<void(const FormPart&)>& on_part,
                 const std::function<void(ByteView)>& on_data) override {
    if (content_ == nullptr || !WebConnection::current()->has_unread_body() ||
        !request_.is_multipart_form_data())
      throw ApiError::invalid("the body must be multipart/form-data");
    too_large_ = is_announced_beyond(max_bytes + (max_bytes >> 4));  // with what frames it
    if (too_large_) check_read(false, max_bytes);
    WebConnection::current()->set_body_budget(max_bytes);
    std::exception_ptr failure;
    const auto guarded = [&](const auto& call) {
      try {
        call();
        return true;
      } catch (...) {  // not through cpp-httplib's frames
        failure = std::current_exception();
        return false;
      }
    };
    std::size_t n_bytes = 0;
    const bool complete = (*content_)(
        [&](const httplib::MultipartFormData& part) {
          return guarded([&] { on_part({part.name, part.filename}); });
        },
        [&](const char* data, std::size_t size) {
          n_bytes += size;
          too_large_ = n_bytes > max_bytes;
          return !too_large_ && guarded([&] {
            on_data({reinterpret_cast<const std::uint8_t*>(data), size});
          });
        });
    if (failure) std::rethrow_exception(failure);
    check_read(complete, max_bytes);
  }

  bool peer_is_gone() const override { return WebConnection::current()->peer_is_gone(); }

 private:
  void check_read(bool complete, std::size_t limit) const {
    WebConnection& connection = *WebConnection::current();
    if (complete && !too_large_) return connection.body_is_read();
    if (too_large_ || connection.is_over_budget() || is_announced_beyond(limit))
      throw ApiError::too_large("the body is larger than the limit of " + std::to_string(limit) +
                                " bytes; upload large files by /v1/files, or make them smaller");
    if (connection.is_late()) throw ApiError(408, "timeout_error", "the body came too slowly");
    throw ApiError::invalid("the body breaks off, or its framing is damaged");
  }

  bool is_announced_beyond(std::size_t limit) const {
    const std::string length = header("Content-Length");
    return length.size() > 18 || std::strtoull(length.c_str(), nullptr, 10) > limit;
  }

  const httplib::Request& request_;
  const httplib::ContentReader* content_;
  const WebLimits& limits_;
  bool too_large_ = false;
};

class ChunkedStream final : public WebStream {
 public:
  explicit ChunkedStream(httplib::DataSink& sink) : sink_(sink) {}
  bool write(std::string_view bytes) override {
    const WebConnection* connection = WebConnection::current();
    if (connection->peer_is_gone()) return false;
    return bytes.empty() || sink_.write(bytes.data(), bytes.size());
  }

 private:
  httplib::DataSink& sink_;
};

/// A method that cpp-httplib takes for no HTTP, by the form of a name (RFC 9110: QUERY may come).
bool is_unknown_method(const std::string& method) {
  static constexpr std::string_view kKnown[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                                "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"};
  const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  return !method.empty() && std::ranges::all_of(method, is_letter) &&
         std::ranges::find(kKnown, method) == std::end(kKnown);
}

std::string refusal() {
  const std::string body =
      dump_json(ApiError::unavailable("too many connections; try again later").to_json());
  return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: " +
         std::to_string(kRefusedRetrySeconds) +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace

class WebServer::Impl final : private httplib::Server {
 public:
  Impl(WebLimits limits, WebServer::Handler handler, WebServer::OnFailure on_failure)
      : limits_(limits), handler_(std::move(handler)), on_failure_(std::move(on_failure)) {
    new_task_queue = [this] {
      return new ConnectionThreads(limits_.max_connections + kRefusingThreads);
    };
    set_payload_max_length(std::numeric_limits<std::size_t>::max());  // the connection's budget
    set_tcp_nodelay(true);
    set_socket_options([](socket_t socket) {
      // Not SO_REUSEPORT, cpp-httplib's default: two servers would share the port unnoticed.
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    const auto plain = [this](const httplib::Request& request, httplib::Response& response) {
      handle(request, response, nullptr);
    };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& content) {
      handle(request, response, &content);
    };
    Get(kAnyPath, plain);
    Options(kAnyPath, plain);
    Post(kAnyPath, with_body);
    Put(kAnyPath, with_body);
    Patch(kAnyPath, with_body);
    Delete(kAnyPath, with_body);
    set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
      describe_failure(request, response);
    });
  }

  int bind(const std::string& host, int port) {
    if (port == 0) {
      port = bind_to_any_port(host);
    } else if (!bind_to_port(host, port)) {
      port = -1;
    }
    if (port < 0)
      throw Error(ErrorKind::kUsage, "can't listen at " + host +
                                         ": the address isn't this machine's, or the port is "
                                         "taken; choose another with --host and --port");
    ::listen(svr_sock_, kBacklog);
    return port;
  }

  void serve() {
    started_ = true;
    if (!stopping_) listen_after_bind();
    ended_ = true;
  }

  void stop() {
    stopping_ = true;
    // cpp-httplib ignores a stop that comes before it has begun.
    while (started_ && !ended_ && !is_running())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (is_running()) httplib::Server::stop();
  }

  int n_connections() const { return n_connections_; }

 private:
  // As httplib::SSLServer does it for its own kind of stream.
  bool process_and_close_socket(socket_t socket) override {
    WebConnection connection(socket, limits_, stopping_);
    const Counted counted(n_connections_);
    if (is_refusing || n_connections_ > limits_.max_connections) {
      connection.refuse(refusal(), /*in_haste=*/is_refusing);
      return false;
    }
    bool go_on = true;
    while (go_on && connection.wait_for_request()) {
      bool closed = false;
      const bool ok =
          process_request(connection, /*close_connection=*/false, closed,
                          [&](httplib::Request& request) { prepare(request, connection); });
      go_on = ok && !closed && !connection.must_close();
    }
    return true;
  }

  static void prepare(httplib::Request& request, WebConnection& connection) {
    // Ranges and compression are cpp-httplib's own business, and nobody's here.
    request.ranges.clear();
    request.headers.erase("Range");
    request.headers.erase("Accept-Encoding");
    if (request.path.size() > kMaxPathBytes) request.path = kTooLongPath;
    const std::string length = request.get_header_value("Content-Length");
    connection.begin_body(request.has_header("Transfer-Encoding") ||
                          (!length.empty() && length != "0"));
  }

  void handle(const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader* content) {
    Request own(request, content, limits_);
    WebResponse result;
    try {
      handler_(own, result);
    } catch (...) {
      fail(std::current_exception(), result);
    }
    deliver(std::move(result), request.version != "HTTP/1.0", response);
    WebConnection::current()->answered();
    if (WebConnection::current()->must_close()) response.set_header("Connection", "close");
  }

  void fail(const std::exception_ptr& failure, WebResponse& result) {
    result = {};
    on_failure_(failure, result);
  }

  /// A client of HTTP/1.0 knows no chunks: what it gets ends with the connection.
  static void deliver(WebResponse result, bool takes_chunks, httplib::Response& response) {
    response.status = result.status;
    for (const auto& [name, value] : result.headers)
      response.set_header(name, value);
    if (!result.stream) {
      response.set_content(result.body, result.content_type);
      return;
    }
    auto send = [stream = std::move(result.stream)](std::size_t, httplib::DataSink& sink) {
      ChunkedStream pieces(sink);
      stream(pieces);
      sink.done();
      return true;
    };
    if (takes_chunks)
      response.set_chunked_content_provider(result.content_type, std::move(send));
    else
      response.set_content_provider(result.content_type, std::move(send));
  }

  /// What cpp-httplib answers by itself: requests that are no HTTP, methods without a handler.
  void describe_failure(const httplib::Request& request, httplib::Response& response) {
    const WebConnection* connection = WebConnection::current();
    if (connection->is_answered() || response.status < 400) return;
    WebResponse result;
    if (connection->is_over_budget()) {
      fail(std::make_exception_ptr(
               ApiError(431, "invalid_request_error", "the request's headers are too long")),
           result);
    } else if (connection->is_in_body()) {  // a sound header, and a method such as TRACE
      return handle(request, response, nullptr);
    } else if (is_unknown_method(request.method)) {
      fail(std::make_exception_ptr(ApiError(405, "invalid_request_error", "unknown method")),
           result);
      result.headers.emplace_back("Allow", "GET, POST, DELETE, OPTIONS");
    } else {
      fail(std::make_exception_ptr(
               ApiError(response.status, "invalid_request_error", "the request is no valid HTTP")),
           result);
    }
    deliver(std::move(result), /*takes_chunks=*/true, response);
  }

  const WebLimits limits_;
  const WebServer::Handler handler_;
  const WebServer::OnFailure on_failure_;
  std::atomic<bool> started_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> n_connections_ = 0;
};

WebServer::WebServer(WebLimits limits, Handler handler, OnFailure on_failure)
    : impl_(std::make_unique<Impl>(limits, std::move(handler), std::move(on_failure))) {}
WebServer::~WebServer() = default;

int WebServer::bind(const std::string& host, int port) {
  return impl_->bind(host, port);
}
void WebServer::serve() {
  impl_->serve();
}
void WebServer::stop() {
  impl_->stop();
}
int WebServer::n_connections() const {
  return impl_->n_connections();
}

}  // namespace pandagpt
