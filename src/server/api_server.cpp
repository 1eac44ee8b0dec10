#include "server/api_server.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "core/ascii.h"
#include "pandagpt/error.h"
#include "server/api_error.h"
#include "server/completion_routes.h"
#include "server/embedding_routes.h"
#include "server/file_routes.h"
#include "server/info_routes.h"
#include "server/random_id.h"
#include "server/web_files.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;
using Route = std::function<void(ServerContext&, WebRequest&, WebResponse&)>;
using RouteWithId =
    std::function<void(ServerContext&, WebRequest&, const std::string&, WebResponse&)>;

constexpr const char* kModels = "/v1/models/";
constexpr const char* kFiles = "/v1/files/";
constexpr const char* kContent = "/content";
/// The page runs nothing but its own modules, and talks to this server alone. blob: is what the
/// user has chosen or recorded.
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src "
    "blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr int kClientClosedRequest = 499;     // nginx's, for the log: nobody reads it
constexpr const char* kOtherRoute = "other";  // unknown paths and those of the page
constexpr auto kDrainInterval = std::chrono::milliseconds(20);

/// By path, then by method.
const std::map<std::string, std::map<std::string, Route>>& routes() {
  static const std::map<std::string, std::map<std::string, Route>> all{
      {"/health", {{"GET", health}}},
      {"/v1/health", {{"GET", health}}},
      {"/v1/models", {{"GET", describe_models}}},
      {"/models", {{"GET", describe_models}}},
      {"/props", {{"GET", props}}},
      {"/slots", {{"GET", slots}}},
      {"/metrics", {{"GET", metrics}}},
      {"/tokenize", {{"POST", tokenize}}},
      {"/detokenize", {{"POST", detokenize}}},
      {"/apply-template", {{"POST", apply_template}}},
      {"/v1/chat/completions", {{"POST", chat_completions}}},
      {"/chat/completions", {{"POST", chat_completions}}},
      {"/v1/completions", {{"POST", text_completions}}},
      {"/completion", {{"POST", native_completion}}},
      {"/v1/embeddings", {{"POST", embeddings}}},
      {"/embeddings", {{"POST", embeddings}}},
      {"/v1/files", {{"GET", list_files}, {"POST", upload_file}}},
  };
  return all;
}

struct Target {
  std::string route;  ///< for the metrics: without the part that differs
  std::map<std::string, Route> methods;
};

Route with_id(RouteWithId route, const std::string& id) {
  return [route = std::move(route), id](ServerContext& server, WebRequest& request,
                                        WebResponse& response) {
    route(server, request, id, response);
  };
}

std::optional<Target> find_target(const std::string& path) {
  if (const auto found = routes().find(path); found != routes().end())
    return Target{path, found->second};
  if (path.starts_with(kModels))
    return Target{"/v1/models/{model}",
                  {{"GET", with_id(show_model, path.substr(std::string(kModels).size()))}}};
  if (path.starts_with(kFiles)) {
    std::string id = path.substr(std::string(kFiles).size());
    if (id.ends_with(kContent)) {
      id.resize(id.size() - std::string(kContent).size());
      return Target{"/v1/files/{id}/content", {{"GET", with_id(send_file, id)}}};
    }
    return Target{"/v1/files/{id}",
                  {{"GET", with_id(show_file, id)}, {"DELETE", with_id(delete_file, id)}}};
  }
  return std::nullopt;
}

bool send_web_file(const std::string& path, WebResponse& response) {
  const WebFile* file = find_web_file(path);
  if (file == nullptr) return false;
  response.content_type = file->content_type;
  response.body = file->content;
  response.headers = {{"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", kContentSecurityPolicy},
                      {"Permissions-Policy", "camera=(self), microphone=(self)"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"X-Frame-Options", "DENY"},
                      {"Referrer-Policy", "no-referrer"}};
  return true;
}

void describe(const ApiError& error, WebResponse& response) {
  response.status = error.status();
  response.body = dump_json(error.to_json());
  if (error.retry_after() > 0)
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after()));
  if (error.status() == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
}

/// What went wrong before there was a request.
void describe_failure(const std::exception_ptr& failure, WebResponse& response) {
  describe(api_error_of(failure), response);
  response.headers.emplace_back("X-Request-Id", random_id("req-"));
}

/// Clients' libraries add headers of their own (x-stainless-..): whoever may ask may send them.
std::string allowed_headers(const WebRequest& request) {
  constexpr std::size_t kMaxBytes = 4096;
  const std::string wanted = request.header("Access-Control-Request-Headers");
  const auto is_name = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_, ").find(static_cast<char>(c)) != std::string_view::npos;
  };
  const bool is_list =
      !wanted.empty() && wanted.size() <= kMaxBytes && std::ranges::all_of(wanted, is_name);
  return is_list ? wanted : "Authorization, Content-Type, X-Api-Key, X-Request-Id";
}

/// In a time that doesn't tell how many characters are right.
bool same_key(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

ServerOptions checked(ServerOptions options) {
  const auto require = [](bool condition, const char* message) {
    if (!condition) throw Error(ErrorKind::kUsage, message);
  };
  require(options.n_slots >= 1, "the number of slots must be at least 1");
  require(options.max_waiting >= 0, "the queue's length must not be negative");
  require(options.ping_seconds > 0, "the time between pings must be positive");
  for (const std::string& key : options.api_keys)
    require(!key.empty(), "an API key must not be empty");
  return options;
}

}  // namespace

ApiServer::ApiServer(ServerOptions options)
    : context_(checked(std::move(options))),
      web_(
          context_.options.web,
          [this](WebRequest& request, WebResponse& response) { handle(request, response); },
          describe_failure) {
  context_.web = &web_;
}

ApiServer::~ApiServer() = default;

int ApiServer::bind() {
  return web_.bind(context_.options.host, context_.options.port);
}

void ApiServer::load() {
  context_.set_engine(
      std::make_unique<Engine>(context_.options, context_.metrics, context_.files.get()));
}

void ApiServer::serve() {
  web_.serve();
  context_.drop_engine();
}

void ApiServer::stop() {
  context_.admission.close();
  const Clock::time_point end = Clock::now() + std::chrono::seconds(context_.options.stop_seconds);
  while (context_.admission.n_inside() > 0 && Clock::now() < end)
    std::this_thread::sleep_for(kDrainInterval);
  web_.stop();
}

bool ApiServer::is_public(const std::string& path) const {
  return path == "/health" || path == "/v1/health" || find_web_file(path) != nullptr;
}

void ApiServer::check_key(WebRequest& request) const {
  const std::vector<std::string>& keys = context_.options.api_keys;
  if (keys.empty() || is_public(request.path)) return;
  constexpr std::string_view kBearer = "bearer ";  // in any case
  std::string key = request.header("X-Api-Key");
  if (const std::string value = request.header("Authorization");
      ascii_lower(value.substr(0, kBearer.size())) == kBearer)
    key = value.substr(kBearer.size());
  const bool known =
      std::ranges::any_of(keys, [&key](const std::string& one) { return same_key(one, key); });
  if (!known) throw ApiError::unauthorized();
  request.file_owner = owner_of_key(key);
}

void ApiServer::allow_origin(const WebRequest& request, WebResponse& response) const {
  const std::vector<std::string>& allowed = context_.options.cors_origins;
  const std::string origin = request.header("Origin");
  if (allowed.empty() || origin.empty()) return;
  const bool any = std::ranges::find(allowed, "*") != allowed.end();
  if (!any && std::ranges::find(allowed, origin) == allowed.end()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After, X-Request-Id");
  if (request.method != "OPTIONS") {
    response.headers.emplace_back("Vary", "Origin");
    return;
  }
  response.headers.emplace_back("Vary", "Origin, Access-Control-Request-Headers");
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
  response.headers.emplace_back("Access-Control-Allow-Headers", allowed_headers(request));
  response.headers.emplace_back("Access-Control-Max-Age", "86400");
}

void ApiServer::dispatch(WebRequest& request, WebResponse& response) {
  if (request.method == "OPTIONS") {
    response.status = 204;
    return;
  }
  check_key(request);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads && send_web_file(request.path, response)) return;
  const std::optional<Target> target = find_target(request.path);
  if (!target) throw ApiError::not_found("there is nothing at '" + request.path + "'");
  const auto route = target->methods.find(request.method == "HEAD" ? "GET" : request.method);
  if (route == target->methods.end()) {
    std::string allowed;
    for (const auto& [method, unused] : target->methods)
      allowed += (allowed.empty() ? "" : ", ") + method;
    response.headers.emplace_back("Allow", allowed);
    throw ApiError(405, "invalid_request_error", "this address takes " + allowed);
  }
  route->second(context_, request, response);
}

std::string ApiServer::shown_path(const WebRequest& request, const std::string& route) const {
  // Paths have names of files and whatever else people try.
  const bool is_harmless = context_.log.with_content() || find_web_file(request.path) != nullptr;
  return is_harmless ? request.path : route;
}

void ApiServer::handle(WebRequest& request, WebResponse& response) {
  const Clock::time_point start = Clock::now();
  RequestFacts& facts = *request.facts;
  facts.id = request_id(request.header("X-Request-Id"));
  facts.keeps_content = context_.log.with_content();
  try {
    dispatch(request, response);
  } catch (const ClientGone&) {
    response = {};
    response.status = kClientClosedRequest;
    facts.client_gone = true;
  } catch (...) {
    const ApiError error = api_error_of(std::current_exception());
    std::vector<std::pair<std::string, std::string>> headers = std::move(response.headers);
    response = {};
    response.headers = std::move(headers);
    describe(error, response);
    facts.error_type = error.type();
  }
  response.headers.emplace_back("X-Request-Id", facts.id);
  allow_origin(request, response);
  const std::optional<Target> target = find_target(request.path);
  const std::string route = target ? target->route : kOtherRoute;
  const RequestRecord record{request.method, shown_path(request, route), response.status};
  const auto finish = [this, start, route, record, kept = request.facts] {
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    context_.metrics.count_request(route, record.status, seconds);
    RequestRecord ended = record;
    ended.ms = 1000 * seconds;
    context_.log.add(ended, *kept);
  };
  if (!response.stream) return finish();
  response.stream = [send = std::move(response.stream), finish](WebStream& out) {
    send(out);
    finish();
  };
}

}  // namespace pandagpt
