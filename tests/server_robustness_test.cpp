// Hostile clients, overload, clients that go away, keys, starting and stopping.
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <random>

#include "server_support.h"

namespace pandagpt {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::picture_part;
using test::post_bytes;
using test::RawClient;
using test::Reply;
using test::reply_of;
using test::ServerTest;
using test::TestServer;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kChat = "/v1/chat/completions";

class ServerRobustnessTest : public ServerTest {
 protected:
  /// A chat request whose answer never ends by itself.
  static std::string endless(int max_tokens = 400) {
    return json{{"messages", {{{"role", "user"}, {"content", "x"}}}},
                {"temperature", 3},
                {"top_p", 1},
                {"seed", 1},
                {"stream", true},
                {"max_tokens", max_tokens}}
        .dump();
  }
  template <typename Condition>
  void wait_until(Condition condition, const char* what) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "never came true: " << what;
      std::this_thread::sleep_for(2ms);
    }
  }
  void expect_alive() {
    EXPECT_EQ(get("/health").status, 200);
    EXPECT_EQ(chat({{"max_tokens", 1}}).status, 200);
  }
  std::string raw(const std::string& bytes, std::chrono::milliseconds patience = 20s) {
    const RawClient client(server().port());
    client.send(bytes);
    return client.receive(patience);
  }
};

TEST_F(ServerRobustnessTest, KeysAreAskedForEverywhereButAtHealthAndThePage) {
  ServerOptions with = options();
  with.api_keys = {"first", "second"};
  start(with);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/v1/health").status, 200);
  EXPECT_EQ(get("/").status, 200);
  EXPECT_THAT(get("/").body, HasSubstr("<!doctype html>"));
  for (const char* path : {"/v1/models", "/props", "/slots", "/metrics", "/v1/files", "/nothing"})
    EXPECT_EQ(get(path).status, 401) << path;
  const Reply refused = get("/v1/models", {{"Authorization", "Bearer wrong"}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.value()["error"]["type"], "authentication_error");
  EXPECT_EQ(get("/v1/models", {{"Authorization", "Bearer second"}}).status, 200);
  EXPECT_EQ(get("/v1/models", {{"X-Api-Key", "first"}}).status, 200);
  EXPECT_EQ(get("/v1/models", {{"X-Api-Key", "firs"}}).status, 401);
  EXPECT_EQ(get("/v1/models", {{"X-Api-Key", ""}}).status, 401);
}

TEST_F(ServerRobustnessTest, OtherPagesMayAskOnlyIfAllowed) {
  EXPECT_EQ(
      get("/v1/models", {{"Origin", "https://evil.example"}}).header("Access-Control-Allow-Origin"),
      "");
  ServerOptions with = options();
  with.cors_origins = {"https://good.example"};
  with.api_keys = {"k"};
  start(with);
  const Reply preflight = reply_of(
      server().client().Options(kChat, httplib::Headers{{"Origin", "https://good.example"}}));
  EXPECT_EQ(preflight.status, 204) << "browsers send no key with it";
  EXPECT_EQ(preflight.header("Access-Control-Allow-Origin"), "https://good.example");
  EXPECT_THAT(preflight.header("Access-Control-Allow-Headers"), HasSubstr("Authorization"));
  EXPECT_EQ(
      get("/health", {{"Origin", "https://evil.example"}}).header("Access-Control-Allow-Origin"),
      "");
}

TEST_F(ServerRobustnessTest, UnknownPathsAndMethods) {
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(get("/nothing").value()["error"]["type"], "not_found_error");
  const Reply wrong = get(kChat);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "POST");
  EXPECT_EQ(get("/" + std::string(4000, 'a')).status, 404);
  EXPECT_THAT(raw("BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 4"));
  EXPECT_THAT(raw("HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(get("/v1/models/tiny-panda").status, 200);
  EXPECT_EQ(get("/v1/models/other").status, 404);
}

TEST_F(ServerRobustnessTest, WhileTheModelLoadsThereIs503) {
  TestServer loading(options(), /*load=*/false);
  const Reply health = reply_of(loading.client().Get("/health"));
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(health.value()["error"]["type"], "unavailable_error");
  EXPECT_NE(health.header("Retry-After"), "");
  EXPECT_EQ(reply_of(loading.client().Post(kChat, "{}", "application/json")).status, 503);
  EXPECT_EQ(reply_of(loading.client().Get("/")).status, 200);
  loading.load();
  EXPECT_EQ(reply_of(loading.client().Get("/health")).status, 200);
}

TEST_F(ServerRobustnessTest, AClientThatGoesAwayFreesItsSlot) {
  // The tiny model is fast: many long answers, so that they are still running when it goes.
  constexpr int kAnswers = 64;
  ServerOptions with = options();
  with.limits.max_choices = with.max_waiting = kAnswers;
  start(with);
  for (const bool stream : {true, false}) {
    const double before = metric("answers_cancelled_total");
    json body = json::parse(endless());
    body.update({{"n", kAnswers}, {"stream", stream}});
    {
      const RawClient client(server().port());
      client.send(post_bytes(kChat, body.dump()));
      wait_until([&] { return metric("requests_processing") > 0; }, "it runs");
    }
    const auto is_over = [&] {
      return metric("requests_processing") == 0 && metric("requests_deferred") == 0 &&
             metric("answers_cancelled_total") > before;
    };
    wait_until(is_over, stream ? "its stream has ended" : "its answers have ended");
    EXPECT_EQ(metric("answers_in_flight"), 0);
  }
}

TEST_F(ServerRobustnessTest, BeyondTheQueueIs503AndWhatIsAcceptedIsFinished) {
  ServerOptions with = options();
  with.n_slots = 2;
  with.max_waiting = 3;
  start(with);
  std::atomic<int> n_ok = 0, n_busy = 0, n_other = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i) {  // four times what there is room for
    clients.emplace_back([&, i] {
      const Reply reply =
          chat({{"temperature", 3}, {"top_p", 1}, {"seed", i}, {"max_tokens", 100}});
      if (reply.status == 200 && reply.value()["usage"]["completion_tokens"] > 0) {
        ++n_ok;
      } else if (reply.status == 503 && reply.header("Retry-After") != "") {
        ++n_busy;
      } else {
        ++n_other;
      }
    });
  }
  for (std::thread& client : clients)
    client.join();
  EXPECT_EQ(n_other, 0);
  EXPECT_GE(n_ok, 5);
  EXPECT_EQ(n_ok + n_busy, 20);
  EXPECT_EQ(metric("answers_in_flight"), 0);
  EXPECT_EQ(chat({{"n", 6}}).status, 400) << "more answers than could ever run";
  expect_alive();
}

TEST_F(ServerRobustnessTest, TooManyConnectionsAreRefusedAtOnce) {
  ServerOptions with = options();
  with.web.max_connections = 3;
  start(with);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(std::make_unique<RawClient>(server().port()));
    idle.back()->send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.back()->receive(20s, [](const std::string& got) { return got.find("ok") < got.size(); });
  }
  const std::string refused = raw("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After"));
  idle.clear();
  wait_until([&] { return get("/health").status == 200; }, "there is room again");
}

TEST_F(ServerRobustnessTest, StoppingFinishesWhatRunsAndRefusesTheRest) {
  server();
  const RawClient running(server().port());
  running.send(post_bytes(kChat, endless(300)));
  std::string got = running.receive(
      20s, [](const std::string& so_far) { return so_far.find("content\":\"") < so_far.size(); });
  const RawClient other(server().port());  // connected before
  std::thread stopping([&] { server().stop(); });
  std::this_thread::sleep_for(20ms);
  other.send(post_bytes(kChat, endless()));
  const std::string refused = other.receive(5s);
  got += running.receive();
  stopping.join();
  EXPECT_THAT(got, HasSubstr("data: [DONE]")) << "the running answer was cut";
  EXPECT_THAT(refused, AnyOf(HasSubstr("HTTP/1.1 503"), "")) << "after the other has finished";
}

TEST_F(ServerRobustnessTest, SlowClientsDontHoldTheServer) {
  ServerOptions with = options();
  with.web.header_time = 1s;
  with.web.body_time = 1s;
  start(with);
  const RawClient slow_header(server().port());
  slow_header.send("POST " + std::string(kChat) + " HTTP/1.1\r\nHost:");
  const RawClient slow_body(server().port());
  slow_body.send("POST " + std::string(kChat) +
                 " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{");
  const RawClient drip(server().port());
  const auto start_time = std::chrono::steady_clock::now();
  std::thread dripping([&] {
    for (int i = 0; i < 40 && drip.send("x"); ++i)
      std::this_thread::sleep_for(100ms);
  });
  expect_alive();
  slow_header.receive(10s);
  EXPECT_THAT(slow_body.receive(10s), HasSubstr("HTTP/1.1 408"));
  drip.receive(10s);
  EXPECT_LT(std::chrono::steady_clock::now() - start_time, 4s) << "one byte is no reprieve";
  dripping.join();
}

TEST_F(ServerRobustnessTest, BrokenFraming) {
  const std::string head = "POST " + std::string(kChat) + " HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& bytes :
       {std::string("\r\n\r\n"), std::string("GET\r\n\r\n"), std::string(100, '\0') + "\r\n\r\n",
        std::string("GET / HTTP/9.9\r\n\r\n"), head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
        head + "Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
        head + "Content-Length: -1\r\n\r\n",
        head + "Content-Length: 99999999999999999999\r\n\r\n{}",
        head + "Content-Length: 10\r\n\r\n{}", head + "Content-Length: abc\r\n\r\n{}",
        head + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"}) {
    const RawClient client(server().port());
    client.send(bytes);
    client.receive(300ms);
  }
  const std::string chunked = raw(head +
                                  "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "2\r\n{}\r\n0\r\n\r\n");
  EXPECT_THAT(chunked, HasSubstr("'messages' is missing")) << "good framing is understood";
  expect_alive();
}

TEST_F(ServerRobustnessTest, TooMuch) {
  ServerOptions with = options();
  with.web.max_body_bytes = 100'000;
  with.limits.max_messages = 50;
  start(with);
  EXPECT_EQ(post_text(kChat, std::string(200'000, ' ')).status, 413);
  const std::string head =
      "POST " + std::string(kChat) + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string chunks = head;
  for (int i = 0; i < 300; ++i)
    chunks += "400\r\n" + std::string(1024, ' ') + "\r\n";
  EXPECT_THAT(raw(chunks), HasSubstr("HTTP/1.1 413")) << "the length was not announced";
  EXPECT_THAT(raw("GET / HTTP/1.1\r\nX: " + std::string(200'000, 'a')),
              Not(HasSubstr("HTTP/1.1 200")));
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 5000; ++i)
    many.append("X").append(std::to_string(i)).append(": aaaaaaaaaaaaaaaaaaaa\r\n");
  EXPECT_THAT(raw(many + "\r\n"), Not(HasSubstr("HTTP/1.1 200")));

  EXPECT_THAT(post_text(kChat, std::string(50'000, '[')).error(), HasSubstr("deep"));
  std::string nested = "{}";
  for (int i = 0; i < 200; ++i)
    nested = "{\"a\":" + nested + "}";
  EXPECT_THAT(post_text(kChat, nested).error(), HasSubstr("deep"));
  json messages = json::array();
  for (int i = 0; i < 51; ++i)
    messages.push_back({{"role", "user"}, {"content", "a"}});
  EXPECT_THAT(refused({{"messages", messages}}), HasSubstr("at most 50"));
  expect_alive();
}

TEST_F(ServerRobustnessTest, DecompressionBombsArePutOut) {
  ServerOptions with = options();
  with.web.max_body_bytes = 1 << 20;
  start(with);
  // 64 MiB of spaces, deflated.
  httplib::Client client = server().client();
  client.set_compress(true);
  const Reply reply = reply_of(client.Post(kChat, std::string(64 << 20, ' '), "application/json"));
  EXPECT_EQ(reply.status, 413) << reply.body;
  // A small compressed body is nothing bad.
  httplib::Client good = server().client();
  good.set_compress(true);
  EXPECT_EQ(
      reply_of(
          good.Post(
              kChat,
              json{{"messages", {{{"role", "user"}, {"content", "Hi"}}}}, {"max_tokens", 1}}.dump(),
              "application/json"))
          .status,
      200);
  expect_alive();
}

TEST_F(ServerRobustnessTest, TextsThatAreNoJsonOrNoUtf8) {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("\"x\""),
        std::string("{\"a\":}"), std::string("{\"messages\":\"\xff\xfe\"}"),
        std::string("{\"messages\":\"\\ud800\"}"), std::string("{\"a\":1e999}"),
        std::string("{\"a\":\0}", 7), std::string("nul")}) {
    const Reply reply = post_text(kChat, body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NO_THROW(json::parse(reply.body)) << reply.body;
  }
  // Valid, if strange.
  EXPECT_EQ(
      chat({{"messages", {{{"role", "user"}, {"content", "\u0000\u202e###"}}}}, {"max_tokens", 2}})
          .status,
      200);
}

TEST_F(ServerRobustnessTest, SlotsAndMetrics) {
  EXPECT_EQ(slots().size(), 2U);
  EXPECT_EQ(get("/slots?fail_on_no_slot=1").status, 200);
  chat({{"max_tokens", 3}});
  const std::string text = get("/metrics").body;
  EXPECT_EQ(metric("tokens_predicted_total"), 3);
  EXPECT_THAT(
      text,
      HasSubstr("pandagpt_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE pandagpt_first_text_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("pandagpt_first_text_seconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("pandagpt_first_text_seconds_bucket{le=\"+Inf\"} 1\n"));
  EXPECT_EQ(post("/tokenize", {{"content", "What is it?"}}).status, 200);
  const json tokens = post("/tokenize", {{"content", "What is it?"}}).value()["tokens"];
  EXPECT_EQ(post("/detokenize", {{"tokens", tokens}}).value()["content"], "What is it?");
  const json pieces =
      post("/tokenize", {{"content", "Hi"}, {"with_pieces", true}, {"add_special", true}}).value();
  EXPECT_EQ(pieces["tokens"].size(), 3U);
  EXPECT_EQ(post("/detokenize", {{"tokens", {-1}}}).status, 400);
  ServerOptions with = options();
  with.has_metrics = with.has_slots = false;
  start(with);
  EXPECT_EQ(get("/metrics").status, 501);
  EXPECT_EQ(get("/slots").status, 501);
}

/// Bytes of `text` changed, cut, doubled or swapped at random places.
std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t i = 0, n = 1 + below(4); i < n && !text.empty(); ++i) {
    const std::size_t at = below(text.size());
    const std::size_t length = std::min(text.size() - at, 1 + below(12));
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      case 3:
        text.insert(at, std::string(1 + below(3), "\"{}[]:,\\0-e9\r\n"[below(14)]));
        break;
      case 4:
        text.resize(at);
        break;
      default:
        std::swap(text[at], text[below(text.size())]);
    }
  }
  return text;
}

TEST_F(ServerRobustnessTest, MutatedRequestsAreAnsweredOrRefused) {
  ServerOptions with = options();
  with.limits.max_tokens = 2;
  with.web.header_time = with.web.body_time = 1s;
  with.web.keep_alive = 1s;
  with.web.max_connections = 32;
  start(with);
  const std::string picture = json{
      {"messages",
       {{{"role", "user"},
         {"content", {picture_part("images/jpeg_3x2.jpg"), {{"type", "text"}, {"text", "?"}}}}}}},
      {"max_tokens", 2},
      {"temperature", 0.5},
      {"stream", true}}.dump();
  const std::vector<std::string> valid{
      post_bytes(kChat, picture), post_bytes("/v1/embeddings", R"({"input":["a"]})"),
      post_bytes("/completion", R"({"prompt":"a","n_predict":2,"stop":["b"],"seed":3})"),
      post_bytes("/tokenize", R"({"content":"abc","with_pieces":true})"),
      "GET /v1/files/file-x/content?a=%41&b HTTP/1.1\r\nHost: x\r\nRange: bytes=0-5\r\n\r\n"};
  const char* wanted = std::getenv("PANDAGPT_MUTATIONS");
  const int n_mutations = wanted != nullptr ? std::atoi(wanted) : 400;
  std::atomic<int> next = 0, n_answered = 0;
  std::vector<std::thread> clients;
  for (int t = 0; t < 4; ++t) {
    clients.emplace_back([&] {
      for (int i = 0; (i = next++) < n_mutations;) {
        std::mt19937 random(static_cast<std::uint32_t>(i));
        std::string bytes = valid[static_cast<std::size_t>(i) % valid.size()];
        const std::size_t body = bytes.find("\r\n\r\n") + 4;
        const bool is_framed = i % 3 != 0 && body < bytes.size();
        if (is_framed) {  // a changed body in an intact frame
          const std::string path = bytes.substr(5, bytes.find(' ', 5) - 5);
          bytes = post_bytes(path, mutated(bytes.substr(body), random), "Connection: close\r\n");
        } else {
          bytes = mutated(bytes, random);
        }
        const RawClient client(server().port());
        client.send(bytes);
        // A broken frame leaves the server waiting, and us not.
        const std::string got = client.receive(is_framed ? 20s : 50ms);
        if (!is_framed) continue;
        EXPECT_THAT(got, StartsWith("HTTP/1.1 ")) << "no answer to mutation " << i;
        EXPECT_THAT(got, Not(StartsWith("HTTP/1.1 500"))) << "mutation " << i << ": " << bytes;
        ++n_answered;
      }
    });
  }
  for (std::thread& client : clients)
    client.join();
  EXPECT_GT(n_answered, n_mutations / 2);
  wait_until([&] { return metric("answers_in_flight") == 0; }, "everything has ended");
  expect_alive();
}

}  // namespace
}  // namespace pandagpt
