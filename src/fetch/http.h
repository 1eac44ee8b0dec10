// HTTP by libcurl: one GET, its redirects followed by our rules.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "fetch/url.h"
#include "pandagpt/error.h"

struct sockaddr;

namespace pandagpt {

/// A failure that another attempt may mend: a lost connection, a busy server.
class TransientError : public Error {
 public:
  explicit TransientError(const std::string& message,
                          std::optional<std::chrono::seconds> retry_after = {})
      : Error(ErrorKind::kInternal, message), retry_after_(retry_after) {}
  /// How long the server asks to be left alone.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  std::optional<std::chrono::seconds> retry_after_;
};

/// A bearer token and the server that it is for; sent to that origin alone, and not any more once a
/// redirect has left it.
struct Token {
  /// Throws Error(kUsage) for a value that is no token, and if it would go over the network in
  /// plain text.
  Token(std::string token, Url server);

  std::string value;
  Url origin;
};

/// Names in lower case.
using HttpHeaders = std::map<std::string, std::string>;

struct HttpRequest {
  Url url;
  std::vector<std::string> headers = {};  ///< "Name: value"
  std::optional<Token> token = {};
};

struct HttpResponse {
  explicit HttpResponse(Url from) : url(std::move(from)) {}

  /// Empty if there is no such header.
  std::string header(const std::string& name) const;

  int status = 0;
  Url url;  ///< the last one, behind all redirects
  HttpHeaders headers;
  /// Of all responses of the request's origin until a redirect left it; later ones win.
  HttpHeaders origin_headers;
  std::optional<std::uint64_t> content_length;
};

/// Takes the body of a response with status 200 or 206. What they throw ends the transfer and
/// comes out of HttpClient::get.
struct HttpSink {
  std::function<void(const HttpResponse&)> on_head;
  std::function<void(ByteView)> on_data;
};

struct HttpOptions {
  std::string user_agent = "pandagpt";
  std::chrono::seconds connect_timeout{30};
  /// A transfer that is slower than 1 KiB/s for this long is given up.
  std::chrono::seconds stall_timeout{60};
  /// Asked before each connection, redirects' too, with the address that the name has resolved to;
  /// false refuses it.
  std::function<bool(const sockaddr*)> may_connect = {};
  bool use_proxy = true;  ///< that of the environment
  /// Asked some times a second; true ends the transfer by an Error.
  std::function<bool()> cancelled = [] { return false; };
};

/// Keeps its connections for the next request. For one thread at a time. Proxies and the file of
/// certificates come from the environment variables that curl knows (http_proxy, https_proxy,
/// all_proxy, no_proxy, CURL_CA_BUNDLE, SSL_CERT_FILE).
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// The response to a GET: 200, 206 or 416. Throws TransientError (connection lost, timeout,
  /// status 408, 429, 5xx), Error(kInput) for any other status and for redirects that aren't
  /// followed (Url::redirected, too many), Error(kInternal) if cancelled.
  HttpResponse get(const HttpRequest& request, const HttpSink& sink);

  const HttpOptions& options() const { return options_; }

 private:
  struct Transfer;
  struct Handle;
  void perform(const Url& url, const HttpRequest& request, bool with_token, Transfer& transfer);

  HttpOptions options_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace pandagpt
