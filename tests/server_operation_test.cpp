// What operators and proxies see: the log, and signs of life while inputs are encoded.
#include <atomic>
#include <mutex>

#include "server_support.h"

namespace pandagpt {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::data_address;
using test::picture_part;
using test::post_bytes;
using test::RawClient;
using test::Reply;
using test::reply_of;
using test::ServerTest;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kChat = "/v1/chat/completions";
constexpr const char* kPing = ": ping\n\n";

/// A white picture of one bit a pixel, small as a file and slow to decode (0.1 s and more).
std::string slow_picture() {
  constexpr std::uint32_t kSide = 6000, kRowBytes = (kSide / 8 + 3) / 4 * 4, kHeader = 62;
  std::string bmp;
  const auto put = [&bmp](std::uint32_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; ++i)
      bmp += static_cast<char>(value >> (8 * i));
  };
  bmp += "BM";
  for (const std::uint32_t value : {kHeader + kRowBytes * kSide, 0U, kHeader, 40U, kSide, kSide})
    put(value, 4);
  put(1, 2);  // planes
  put(1, 2);  // bits a pixel
  for (const std::uint32_t value : {0U, kRowBytes * kSide, 2835U, 2835U, 2U, 2U, 0U, 0xFFFFFFU})
    put(value, 4);
  return bmp + std::string(std::size_t{kRowBytes} * kSide, '\xff');
}

class ServerOperationTest : public ServerTest {
 protected:
  ServerOptions logging(LogFormat format, bool with_content = false) {
    ServerOptions with = options();
    with.log = {format, with_content, [this](const std::string& line) {
                  const std::lock_guard lock(mutex_);
                  lines_.push_back(line);
                }};
    return with;
  }
  /// The first `n` lines; a line may come a moment after its answer.
  std::vector<std::string> lines(std::size_t n) {
    for (int i = 0; i < 10'000; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (lines_.size() >= n) return lines_;
      }
      std::this_thread::sleep_for(2ms);
    }
    ADD_FAILURE() << "there are no " << n << " lines";
    return std::vector<std::string>(n, "{}");
  }
  static json slow_part(int number = 0) {
    const std::string bytes = slow_picture() + std::to_string(number);  // each its own content
    return {{"type", "image_url"}, {"image_url", {{"url", data_address(bytes, "image/bmp")}}}};
  }
  static json slow_question(bool stream) {
    return {
        {"messages", {{{"role", "user"}, {"content", {slow_part(1), slow_part(2), slow_part(3)}}}}},
        {"stream", stream},
        {"max_tokens", 2}};
  }
  /// Whose streams begin with a ping if their inputs take longer than this.
  static constexpr double kShortPing = 0.01;

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(ServerOperationTest, ALineForEachRequest) {
  start(logging(LogFormat::kJson));
  const json body{{"messages",
                   {{{"role", "user"},
                     {"content", {picture_part(), {{"type", "text"}, {"text", "Secret?"}}}}}}},
                  {"max_tokens", 3}};
  const Reply chat = post(kChat, body, {{"X-Request-Id", "mine-1"}});
  EXPECT_EQ(chat.header("X-Request-Id"), "mine-1");
  const json usage = chat.value()["usage"];
  const json line = json::parse(lines(1)[0]);
  EXPECT_EQ(line["id"], "mine-1");
  EXPECT_EQ(line["method"], "POST");
  EXPECT_EQ(line["path"], kChat);
  EXPECT_EQ(line["status"], 200);
  EXPECT_EQ(line["prompt_tokens"], usage["prompt_tokens"]);
  EXPECT_EQ(line["completion_tokens"], 3);
  EXPECT_EQ(line["inputs"], 1);
  EXPECT_GT(line["ms"], line["queue_ms"]);
  EXPECT_FALSE(line.contains("error"));

  json stream = body;
  stream["stream"] = true;
  const Reply streamed = post(kChat, stream, {{"X-Request-Id", "two words"}});
  EXPECT_THAT(streamed.header("X-Request-Id"), StartsWith("req-"));
  const json second = json::parse(lines(2)[1]);
  EXPECT_EQ(second["id"], streamed.header("X-Request-Id"));
  EXPECT_EQ(second["completion_tokens"], 3);
  EXPECT_GT(second["cached_tokens"], 0);

  EXPECT_EQ(get("/nothing/of/the-kind").status, 404);
  const json third = json::parse(lines(3)[2]);
  EXPECT_EQ(third["status"], 404);
  EXPECT_EQ(third["path"], "other");
  EXPECT_EQ(third["error"], "not_found_error");
  EXPECT_FALSE(third.contains("queue_ms"));
}

TEST_F(ServerOperationTest, ContentIsLoggedOnlyIfAskedFor) {
  for (const bool with_content : {false, true}) {
    start(logging(LogFormat::kText, with_content));
    const std::size_t n_before = with_content ? 5 : 0;
    const std::string answer = text_of(chat(
        {{"messages", {{{"role", "user"}, {"content", "Secret\nquestion"}}}}, {"max_tokens", 4}}));
    ASSERT_THAT(answer, Not(IsEmpty()));
    post("/completion", {{"prompt", "Secret raw"}, {"n_predict", 1}});
    post("/v1/embeddings", {{"input", "Secret text"}});
    reply_of(server().client().Post(
        "/v1/files", httplib::MultipartFormDataItems{{"file", "abc", "Secret.png", ""}}));
    get("/Secret/path");
    std::string all;
    const std::vector<std::string> every = lines(n_before + 5);
    for (std::size_t i = n_before; i < every.size(); ++i) {
      EXPECT_EQ(std::ranges::count(every[i], '\n'), 1) << every[i];
      all += every[i];
    }
    if (!with_content) {
      EXPECT_THAT(all, Not(HasSubstr("Secret")));
      EXPECT_THAT(all, Not(HasSubstr(answer)));
      continue;
    }
    for (const std::string& wanted :
         {std::string("Secret\\nquestion"), answer, std::string("Secret raw"),
          std::string("Secret text"), std::string("Secret.png"), std::string("/Secret/path")})
      EXPECT_THAT(all, HasSubstr(wanted));
  }
}

TEST_F(ServerOperationTest, StreamsShowTheirLifeWhileInputsAreEncoded) {
  ServerOptions with = logging(LogFormat::kJson);
  with.ping_seconds = kShortPing;
  start(with);
  const Reply reply = post(kChat, slow_question(/*stream=*/true));
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, StartsWith(std::string(kPing) + kPing)) << "more than one";
  EXPECT_EQ(test::events_of(reply.body).back()["choices"][0]["finish_reason"], "length");

  // A fault that is found so late is an event; its status has gone.
  json damaged = slow_question(/*stream=*/true);
  json broken{{"type", "image_url"},
              {"image_url", {{"url", data_address("no picture", "image/png")}}}};
  damaged["messages"][0]["content"] = {slow_part(4), broken};
  const Reply late = post(kChat, damaged);
  EXPECT_EQ(late.status, 200);
  EXPECT_EQ(test::events_of(late.body).back()["error"]["type"], "invalid_request_error");
  EXPECT_EQ(json::parse(lines(2)[1])["error"], "invalid_request_error");

  // Without hurry it is a status.
  with.ping_seconds = 60;
  start(with);
  EXPECT_EQ(post(kChat, damaged).status, 400);
}

TEST_F(ServerOperationTest, StreamsShowTheirLifeWhileTheyWaitForASlot) {
  ServerOptions with = options();
  with.n_slots = 1;
  with.ping_seconds = kShortPing;
  start(with);
  const json endless{{"messages", {{{"role", "user"}, {"content", "x"}}}},
                     {"temperature", 3},
                     {"top_p", 1},
                     {"seed", 1},
                     {"n", 8},
                     {"stream", true},
                     {"max_tokens", 400}};
  const RawClient busy(server().port());
  busy.send(post_bytes(kChat, endless.dump()));
  busy.receive(20s, [](const std::string& got) { return got.find("content\":\"") < got.size(); });
  const Reply reply = chat({{"stream", true}, {"max_tokens", 1}});
  const std::size_t ping = reply.body.find(kPing);
  EXPECT_LT(ping, reply.body.find("\"content\":\"", reply.body.find("\n\n")))
      << "before the first text: " << reply.body;
}

TEST_F(ServerOperationTest, AClientThatGoesAwayWhileItsInputsAreEncodedGetsNoAnswer) {
  ServerOptions with = logging(LogFormat::kJson);
  with.ping_seconds = kShortPing;
  with.n_encoder_jobs = 1;
  start(with);
  std::size_t n_lines = 0;
  for (const bool stream : {true, false}) {
    const std::string request = post_bytes(kChat, slow_question(stream).dump());
    {
      const RawClient running(server().port()), queued(server().port());
      for (const RawClient* client : {&running, &queued})
        client->send(request);
      for (int i = 0; i < 5000 && metric("encoder_jobs") < 2; ++i)
        std::this_thread::sleep_for(1ms);
    }
    for (int n_found = 0; n_found < 2;) {
      const json line = json::parse(lines(n_lines + 1)[n_lines]);
      ++n_lines;
      if (line["path"] != kChat) continue;
      ++n_found;
      EXPECT_EQ(line["client_gone"], true) << line;
      EXPECT_EQ(line["status"], stream ? 200 : 499) << line;
      EXPECT_FALSE(line.contains("completion_tokens")) << line;
    }
    EXPECT_EQ(metric("answers_finished_total"), 0);
    start(with);  // which forgets the picture
  }
}

}  // namespace
}  // namespace pandagpt
