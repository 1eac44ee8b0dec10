#include "fetch/http.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <utility>

#include "fetch/safe_path.h"

namespace pandagpt {
namespace {

constexpr int kMaxRedirects = 10;
constexpr std::size_t kMaxHeaderBytes = 256 << 10;
constexpr long kStalledBytesPerSecond = 1024;

constexpr int kOk = 200;
constexpr int kPartialContent = 206;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kRequestTimeout = 408;
constexpr int kRangeNotSatisfiable = 416;
constexpr int kTooManyRequests = 429;
constexpr int kServerErrors = 500;

struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCloser>;

void add_line(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw Error(ErrorKind::kInternal, "out of memory for a request");
  [[maybe_unused]] curl_slist* same_list = list.release();
  list.reset(longer);
}

/// libcurl's global state, made once and before any thread uses it.
void start_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK)
    throw Error(ErrorKind::kInternal,
                std::string("libcurl can't be used: ") + curl_easy_strerror(code));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool has_body_for_us(int status) {
  return status == kOk || status == kPartialContent;
}

bool is_transient(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_HTTP3:
    case CURLE_QUIC_CONNECT_ERROR:
      return true;
    default:
      return false;
  }
}

/// Seconds only: the form with a date is as good as none.
std::optional<std::chrono::seconds> retry_after(const HttpResponse& response) {
  const std::string text = response.header("retry-after");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// What an answer that is no file means. `sent_token`: the server has seen one.
[[noreturn]] void fail_status(const HttpResponse& response, bool sent_token) {
  const int status = response.status;
  std::string message = response.url.shown() + ": ";
  const std::string told = printable(response.header("x-error-message"));
  const std::string end =
      " (HTTP " + std::to_string(status) + (told.empty() ? "" : "; " + told) + ")";
  if (status == kRequestTimeout || status == kTooManyRequests || status >= kServerErrors)
    throw TransientError(
        message + (status == kTooManyRequests ? "too many requests" : "the server fails") + end,
        retry_after(response));
  if (status == kUnauthorized || status == kForbidden) {
    message +=
        sent_token
            ? "the server refuses this token; have its terms been accepted on the web page?"
            : "the server refuses access; give a token with --token or $HF_TOKEN, and accept "
              "the terms on its web page if it asks for that";
  } else {
    message += status == kNotFound ? "there is no such file; check the name and the revision"
                                   : "the server answers with something else than a file";
  }
  throw Error(ErrorKind::kInput, message + end);
}

}  // namespace

Token::Token(std::string token, Url server) : value(std::move(token)), origin(std::move(server)) {
  const auto is_graphic = [](unsigned char c) { return c > 0x20 && c < 0x7F; };
  if (value.empty() || !std::ranges::all_of(value, is_graphic))
    throw Error(ErrorKind::kUsage, "the token has characters that no token has");
  if (!origin.is_private())
    throw Error(ErrorKind::kUsage,
                origin.shown() + ": a token isn't sent over http; use the https address");
}

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

struct HttpClient::Handle {
  CURL* curl = curl_easy_init();
  Handle() = default;
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

/// What libcurl's callbacks need, which must not let an exception through.
struct HttpClient::Transfer {
  Transfer(const Url& url, const HttpSink& to, const HttpOptions& how, CURL* handle)
      : response(url), sink(to), options(how), curl(handle) {}

  template <typename Call>
  bool guarded(Call call) {
    try {
      call();
      return true;
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
  }

  void take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes)
      throw Error(ErrorKind::kInput, response.url.shown() + ": the server's headers are too long");
    if (line.starts_with("HTTP/")) {  // also behind a response of status 100
      response.headers.clear();
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name(trimmed(line.substr(0, colon)));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    response.headers[name] = trimmed(line.substr(colon + 1));
  }

  /// Before the body's first byte, or at the end of a response without a body.
  void finish_head() {
    if (head_done) return;
    head_done = true;
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    response.status = static_cast<int>(status);
    response.content_length.reset();
    if (length >= 0) response.content_length = static_cast<std::uint64_t>(length);
    if (at_origin)
      for (const auto& [name, value] : response.headers)
        response.origin_headers[name] = value;
    if (has_body_for_us(response.status)) sink.on_head(response);
  }

  void take_body(ByteView part) {
    finish_head();
    if (has_body_for_us(response.status)) sink.on_data(part);
  }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto* self = static_cast<Transfer*>(user);
    return self->guarded([&] { self->take_header({data, size * count}); }) ? size * count : 0;
  }
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto* self = static_cast<Transfer*>(user);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);
    return self->guarded([&] { self->take_body({bytes, size * count}); }) ? size * count : 0;
  }
  static curl_socket_t on_socket(void* user, curlsocktype, curl_sockaddr* address) {
    auto* self = static_cast<Transfer*>(user);
    if (!self->options.may_connect(&address->addr)) {
      self->is_refused = true;
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  static int on_tick(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(user)->options.cancelled() ? 1 : 0;
  }

  HttpResponse response;
  const HttpSink& sink;
  const HttpOptions& options;
  CURL* curl;
  bool at_origin = false;
  std::size_t header_bytes = 0;
  bool head_done = false;
  bool is_refused = false;
  std::exception_ptr failure;
};

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) {
  start_curl();
  handle_ = std::make_unique<Handle>();
  if (handle_->curl == nullptr) throw Error(ErrorKind::kInternal, "libcurl can't be used");
}

HttpClient::~HttpClient() = default;

void HttpClient::perform(const Url& url, const HttpRequest& request, bool with_token,
                         Transfer& transfer) {
  CURL* curl = handle_->curl;
  curl_easy_reset(curl);  // keeps connections
  HeaderList headers;
  // Packed on the way, the length and the range would be of something else than the file.
  add_line(headers, "Accept-Encoding: identity");
  for (const std::string& line : request.headers)
    add_line(headers, line);
  if (with_token) add_line(headers, "Authorization: Bearer " + request.token->value);

  std::array<char, CURL_ERROR_SIZE> detail{};
  curl_easy_setopt(curl, CURLOPT_URL, url.text().c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                   static_cast<long>(options_.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kStalledBytesPerSecond);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::on_tick);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  if (!options_.use_proxy) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (options_.may_connect) {
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);  // an old connection wouldn't be asked about
  }
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* certificates = std::getenv(variable);
    if (certificates == nullptr || *certificates == '\0') continue;
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificates);
    break;
  }

  const CURLcode code = curl_easy_perform(curl);
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code != CURLE_OK && transfer.is_refused)
    throw Error(ErrorKind::kInput,
                url.shown() + ": not fetched, since it is no address of the public internet");
  if (code == CURLE_ABORTED_BY_CALLBACK) throw Error(ErrorKind::kInternal, "interrupted");
  if (code != CURLE_OK) {
    const std::string message =
        url.shown() + ": " +
        (detail[0] != '\0' ? printable(detail.data()) : curl_easy_strerror(code));
    if (is_transient(code)) throw TransientError(message);
    throw Error(ErrorKind::kInput, message);
  }
  transfer.finish_head();
}

HttpResponse HttpClient::get(const HttpRequest& request, const HttpSink& sink) {
  Url url = request.url;
  HttpHeaders origin_headers;
  bool at_origin = true;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    at_origin = at_origin && url.same_origin(request.url);  // never again once it has been left
    const bool with_token = request.token && at_origin && request.token->origin.same_origin(url);
    Transfer transfer(url, sink, options_, handle_->curl);
    transfer.at_origin = at_origin;
    transfer.response.origin_headers = std::move(origin_headers);
    perform(url, request, with_token, transfer);
    HttpResponse& response = transfer.response;
    if (!is_redirect(response.status)) {
      if (!has_body_for_us(response.status) && response.status != kRangeNotSatisfiable)
        fail_status(response, with_token);
      return std::move(response);
    }
    const std::string location = response.header("location");
    if (location.empty())
      throw Error(ErrorKind::kInput, url.shown() + ": the server redirects to nowhere");
    origin_headers = std::move(response.origin_headers);
    url = url.redirected(location);
  }
  throw Error(ErrorKind::kInput,
              request.url.shown() + ": more than " + std::to_string(kMaxRedirects) + " redirects");
}

}  // namespace pandagpt
