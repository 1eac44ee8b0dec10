// What clients of other servers send and expect beside a plain chat.
#include "server_support.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using test::Reply;
using testing::ElementsAre;
using testing::HasSubstr;

class ServerProtocolTest : public test::ServerTest {
 protected:
  std::string prompt_of(const json& messages) {
    return post("/apply-template", {{"messages", messages}}).value()["prompt"];
  }
  Reply chat(json body) {
    if (!body.contains("messages"))
      body["messages"] = {{{"role", "user"}, {"content", "What is it?"}}};
    body["max_tokens"] = 1;
    return post(kChat, body);
  }
  static constexpr const char* kChat = "/v1/chat/completions";
};

json message(const char* role, const char* text) {
  return {{"role", role}, {"content", text}};
}

TEST_F(ServerProtocolTest, NoSystemMessageIsLost) {
  EXPECT_EQ(prompt_of({message("user", "What is it?"), message("system", "Be short.")}),
            "### Human: What is it?\nBe short.\n### Assistant:");
  EXPECT_EQ(prompt_of({message("user", "a"), message("assistant", "b"), message("developer", "c")}),
            prompt_of({message("user", "a"), message("assistant", "b"), message("user", "c")}));
  EXPECT_EQ(prompt_of(json::array({message("system", "c")})),
            prompt_of(json::array({message("user", "c")})));
}

TEST_F(ServerProtocolTest, AConversationMayBeginWithAGreeting) {
  const std::string prompt = prompt_of({message("assistant", "Hello!"), message("user", "Hi")});
  EXPECT_THAT(prompt, HasSubstr("### Assistant: Hello!"));
  EXPECT_THAT(prompt, HasSubstr("### Human: Hi\n### Assistant:"));
  EXPECT_EQ(chat({{"messages", {message("assistant", "Hello!"), message("user", "Hi")}}}).status,
            200);
}

TEST_F(ServerProtocolTest, EmptyValuesAreNone) {
  const json none{{"grammar", ""},
                  {"suffix", ""},
                  {"json_schema", json::object()},
                  {"tools", json::array()},
                  {"logit_bias", json::object()},
                  {"logprobs", false},
                  {"top_logprobs", 0},
                  {"top_k", -1},
                  {"stop", ""},
                  {"seed", -1},
                  {"response_format", nullptr}};
  for (const auto& [key, value] : none.items())
    EXPECT_EQ(chat({{key, value}}).status, 200) << key;
  for (const char* key : {"max_tokens", "n_predict", "max_completion_tokens"})
    EXPECT_EQ(post("/v1/completions", {{"prompt", "Hi"}, {key, 0}, {"stop", "a"}}).status, 200);
}

TEST_F(ServerProtocolTest, FieldsThatNobodyKnowsAreNamed) {
  const json answer = chat({{"temprature", 0}, {"user", "me"}, {"store", false}}).value();
  EXPECT_THAT(answer["warnings"], ElementsAre(HasSubstr("'temprature' is not known")));
  EXPECT_FALSE(chat({{"temperature", 0}, {"service_tier", "auto"}}).value().contains("warnings"));
}

TEST_F(ServerProtocolTest, AnotherModelIsNotFound) {
  for (const char* name : {"tiny-panda", "tiny-panda:latest", ""})
    EXPECT_EQ(chat({{"model", name}}).status, 200) << name;
  for (const char* path : {kChat, "/v1/embeddings"}) {
    const Reply reply =
        post(path, {{"model", "gpt-4o"},
                    {"input", "x"},
                    {"messages", {{{"role", "user"}, {"content", "What is it?"}}}}});
    EXPECT_EQ(reply.status, 404) << path;
    const json error = reply.value()["error"];
    EXPECT_EQ(error["code"], "model_not_found");
    EXPECT_EQ(error["param"], "model");
    EXPECT_THAT(reply.error(), HasSubstr("tiny-panda"));
  }
  EXPECT_EQ(get("/v1/models/gpt-4o").value()["error"]["code"], "model_not_found");
  ServerOptions with = options();
  with.any_model = true;
  start(with);
  EXPECT_EQ(chat({{"model", "gpt-4o"}}).value()["model"], "tiny-panda");
}

TEST_F(ServerProtocolTest, Base64IsTakenAsToolsWriteIt) {
  const std::string address =
      test::data_address(test::fixture_bytes("images/exif1_jpg.jpg"), "image/jpeg");
  const std::size_t comma = address.find(',');
  std::string wrapped = address.substr(0, comma + 1) + " ";
  for (std::size_t i = comma + 1; i < address.size(); i += 76)
    wrapped += address.substr(i, 76) + "\n";
  std::string quoted;
  for (const char c : address)
    quoted += c == '+' ? "%2B" : c == '/' && quoted.size() > comma ? "%2F" : std::string(1, c);
  for (const std::string& url : {wrapped, quoted}) {
    const json part{{"type", "image_url"}, {"image_url", {{"url", url}}}};
    const Reply reply =
        chat({{"messages", {{{"role", "user"}, {"content", json::array({part})}}}}});
    EXPECT_EQ(reply.status, 200) << reply.body;
  }
}

TEST_F(ServerProtocolTest, PagesMaySendWhatTheirLibrariesAdd) {
  ServerOptions with = options();
  with.cors_origins = {"*"};
  start(with);
  const auto preflight = [&](const std::string& headers) {
    httplib::Headers sent{{"Origin", "https://app.example"},
                          {"Access-Control-Request-Method", "POST"}};
    if (!headers.empty()) sent.emplace("Access-Control-Request-Headers", headers);
    const auto result = server().client().Options(kChat, sent);
    EXPECT_TRUE(result);
    return result->get_header_value("Access-Control-Allow-Headers");
  };
  const std::string asked = "authorization,content-type,x-stainless-os,x-stainless-timeout";
  EXPECT_EQ(preflight(asked), asked);
  EXPECT_THAT(preflight(""), HasSubstr("Authorization"));
  EXPECT_THAT(preflight("x\"y<z>"), HasSubstr("Authorization")) << "no name of a header";
}

TEST_F(ServerProtocolTest, TheSchemeOfAKeyMayBeInAnyCase) {
  ServerOptions with = options();
  with.api_keys = {"key"};
  start(with);
  for (const char* value : {"Bearer key", "bearer key", "BEARER key"})
    EXPECT_EQ(get("/v1/models", {{"Authorization", value}}).status, 200) << value;
  const Reply wrong = get("/v1/models", {{"Authorization", "Basic key"}});
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.value()["error"]["code"], "invalid_api_key");
}

TEST_F(ServerProtocolTest, AClientOfHttp10GetsNoChunks) {
  const std::string body = json{
      {"messages", {message("user", "What is it?")}},
      {"stream", true},
      {"max_tokens", 2}}.dump();
  const test::RawClient client(server().port());
  client.send("POST " + std::string(kChat) + " HTTP/1.0\r\nContent-Type: application/json\r\n" +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string reply = client.receive();
  EXPECT_THAT(reply, testing::Not(HasSubstr("chunked")));
  const std::size_t begin = reply.find("\r\n\r\n");
  ASSERT_NE(begin, std::string::npos) << reply;
  EXPECT_FALSE(test::events_of(reply.substr(begin + 4)).empty());
}

}  // namespace
}  // namespace pandagpt
