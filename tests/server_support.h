// A server of the test's own, with a tiny model, and clients for it.
#pragma once

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base64.h"
#include "core/file.h"
#include "server/api_server.h"
#include "test_support.h"

namespace pandagpt::test {

using nlohmann::json;

/// Runs from its construction to its end.
class TestServer {
 public:
  explicit TestServer(ServerOptions options, bool load = true) {
    options.host = "127.0.0.1";
    options.port = 0;
    options.stop_seconds = 5;
    options.panda.n_threads = 1;
    server_ = std::make_unique<ApiServer>(std::move(options));
    port_ = server_->bind();
    thread_ = std::thread([this] { server_->serve(); });
    if (load) server_->load();
  }
  ~TestServer() { stop(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  void load() { server_->load(); }
  void stop() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
  }
  int port() const { return port_; }

  httplib::Client client() const {
    httplib::Client client("127.0.0.1", port_);
    client.set_read_timeout(60);
    return client;
  }

 private:
  std::unique_ptr<ApiServer> server_;
  int port_ = 0;
  std::thread thread_;
};

/// What came back; status 0: nothing.
struct Reply {
  int status = 0;
  std::string body;
  httplib::Headers headers;

  json value() const { return json::parse(body); }
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  /// The message of an error.
  std::string error() const {
    return json::parse(body, nullptr, false).value("/error/message"_json_pointer, body);
  }
};

inline Reply reply_of(const httplib::Result& result) {
  if (!result) return {};
  return {result->status, result->body, result->headers};
}

/// The JSON of all events of a stream but [DONE], which must be the last.
inline std::vector<json> events_of(const std::string& body) {
  std::vector<json> events;
  bool done = false;
  for (std::size_t at = 0; at < body.size();) {
    std::size_t end = body.find("\n\n", at);
    EXPECT_NE(end, std::string::npos) << "an event without its end: " << body.substr(at);
    if (end == std::string::npos) break;
    const std::string event = body.substr(at, end - at);
    at = end + 2;
    if (event.starts_with(":")) continue;
    EXPECT_FALSE(done) << "something behind [DONE]";
    EXPECT_TRUE(event.starts_with("data: ")) << event;
    if (event == "data: [DONE]")
      done = true;
    else
      events.push_back(json::parse(event.substr(6)));
  }
  EXPECT_TRUE(done) << body;
  return events;
}

/// A connection over which the test sends whatever bytes it likes.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      ADD_FAILURE() << "no connection";
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send(const std::string& bytes) const {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t n = ::send(socket_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return false;
      at += static_cast<std::size_t>(n);
    }
    return true;
  }

  /// What comes until the connection ends, `enough` is true, or nothing comes for `patience`.
  std::string receive(
      std::chrono::milliseconds patience = std::chrono::seconds(20),
      const std::function<bool(const std::string&)>& enough = [](const std::string&) {
        return false;
      }) const {
    std::string all;
    char block[4096];
    pollfd one{socket_, POLLIN, 0};
    while (!enough(all) && poll(&one, 1, static_cast<int>(patience.count())) > 0) {
      const ssize_t n = recv(socket_, block, sizeof(block), 0);
      if (n <= 0) break;
      all.append(block, static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  int socket_;
};

/// "POST PATH" with a JSON body, as bytes.
inline std::string post_bytes(const std::string& path, const std::string& body,
                              const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string fixture_bytes(const std::string& name) {
  return read_text(std::filesystem::path(PANDAGPT_FIXTURES) / name);
}

inline std::string data_address(const std::string& bytes, const std::string& type) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return "data:" + type + ";base64," + base64({data, bytes.size()});
}

inline json picture_part(const std::string& name = "images/exif1_jpg.jpg") {
  return {{"type", "image_url"},
          {"image_url", {{"url", data_address(fixture_bytes(name), "image/jpeg")}}}};
}

class ServerTest : public testing::Test {
 protected:
  ServerOptions options() const {
    ServerOptions options;
    options.model = (std::filesystem::path(PANDAGPT_FIXTURES) / "tiny-panda").string();
    options.n_slots = 2;
    options.files.folder = folder_ / "files";
    return options;
  }

  void start(ServerOptions with) {
    server_.reset();
    server_ = std::make_unique<TestServer>(std::move(with));
  }
  TestServer& server() {
    if (!server_) start(options());
    return *server_;
  }

  Reply post(const std::string& path, const json& body, const httplib::Headers& headers = {}) {
    return post_text(path, body.dump(), headers);
  }
  Reply post_text(const std::string& path, const std::string& body,
                  const httplib::Headers& headers = {}) {
    return reply_of(server().client().Post(path, headers, body, "application/json"));
  }
  Reply get(const std::string& path, const httplib::Headers& headers = {}) {
    return reply_of(server().client().Get(path, headers));
  }
  Reply chat(json body) {
    if (!body.contains("messages"))
      body["messages"] = {{{"role", "user"}, {"content", "What is it?"}}};
    return post("/v1/chat/completions", body);
  }
  /// A chat request that must be refused; returns the message.
  std::string refused(const json& body, int status = 400) {
    const Reply reply = chat(body);
    EXPECT_EQ(reply.status, status) << reply.body;
    const json code = reply.value()["error"]["code"];
    EXPECT_TRUE(code.is_null() || code.is_string()) << code << ": OpenAI's are words";
    EXPECT_EQ(std::ranges::count(reply.error(), '\n'), 0) << reply.error();
    return reply.error();
  }
  static std::string text_of(const Reply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.value()["choices"][0]["message"]["content"];
  }
  json slots() { return get("/slots").value(); }
  /// The value of a metric without labels.
  double metric(const std::string& name) {
    const std::string text = get("/metrics").body;
    const std::string mark = "\npandagpt_" + name + " ";
    const std::size_t at = text.find(mark);
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1 : std::stod(text.substr(at + mark.size()));
  }

  const TemporaryFolder folder_;
  std::unique_ptr<TestServer> server_;
};

}  // namespace pandagpt::test
