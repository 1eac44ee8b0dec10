// The routes that answer: chat, text and native completions.
#include <spdlog/fmt/fmt.h>

#include "pandagpt/panda.h"
#include "server_support.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using test::events_of;
using test::fixture_bytes;
using test::picture_part;
using test::Reply;
using test::ServerTest;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kPhoto =
    (std::filesystem::path(PANDAGPT_FIXTURES) / "images" / "exif1_jpg.jpg").string();

class ServerChatTest : public ServerTest {};

/// A draw that has much to choose from.
json warm(json body, int seed) {
  body.update({{"temperature", 3}, {"top_p", 1}, {"max_tokens", 24}, {"seed", seed}});
  return body;
}

TEST_F(ServerChatTest, AnswersAsTheLibraryDoes) {
  const Panda panda(options().model, {.n_threads = 1});
  Inputs photo;
  photo.add_file(Modality::kImage, kPhoto);
  GenerateOptions generate;
  generate.temperature = 3;
  generate.top_p = 1;
  generate.max_tokens = 24;
  generate.seed = 7;
  const Answer wanted = panda.ask(photo, "What is it?", generate);
  const json messages = {
      {{"role", "user"},
       {"content", {picture_part(), {{"type", "text"}, {"text", "What is it?"}}}}}};
  const Reply reply = chat(warm({{"messages", messages}}, 7));
  EXPECT_EQ(text_of(reply), wanted.text);
  const json value = reply.value();
  EXPECT_THAT(value["id"].get<std::string>(), StartsWith("chatcmpl-"));
  EXPECT_EQ(value["object"], "chat.completion");
  EXPECT_EQ(value["model"], "tiny-panda");
  EXPECT_EQ(value["choices"].size(), 1U);
  EXPECT_EQ(value["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(value["choices"][0]["finish_reason"],
            wanted.finish == FinishReason::kStop ? "stop" : "length");
  EXPECT_EQ(value["usage"]["completion_tokens"], wanted.timings.generated_tokens);
  EXPECT_EQ(value["usage"]["prompt_tokens"], wanted.timings.prompt_tokens);
  EXPECT_EQ(value["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_EQ(value["timings"]["inputs_n"], 1);
  EXPECT_GT(value["timings"]["encode_ms"], 0);
  EXPECT_THAT(reply.header("X-Request-Id"), StartsWith("req-"));
}

TEST_F(ServerChatTest, ASearchFindsWhatTheLibraryDoes) {
  ServerOptions with = options();
  with.unified_cache = true;
  start(with);
  const Panda panda(options().model, {.n_threads = 1});
  GenerateOptions generate = panda.default_options();
  generate.n_beams = 3;
  generate.max_tokens = 12;
  const Answer wanted = panda.ask({}, "zebra 17", generate);
  const json body{{"messages", {{{"role", "user"}, {"content", "zebra 17"}}}},
                  {"n_beams", 3},
                  {"max_tokens", 12}};
  const Reply reply = chat(body);
  EXPECT_EQ(text_of(reply), wanted.text);
  EXPECT_EQ(reply.value()["usage"]["completion_tokens"], wanted.timings.generated_tokens);
  json streamed = body;
  streamed["stream"] = true;
  std::vector<std::string> pieces;
  for (const json& event : events_of(chat(streamed).body))
    if (const json& delta = event["choices"][0]["delta"];
        delta.contains("content") && delta["content"] != "")
      pieces.push_back(delta["content"]);
  EXPECT_EQ(pieces, std::vector<std::string>{wanted.text}) << "in one piece";
  json several = body;
  several["n"] = 2;
  const json error = chat(several).value()["error"];
  EXPECT_EQ(error["param"], "n");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("one answer"));
}

TEST_F(ServerChatTest, AStreamHasTheSameTextInPieces) {
  const json body = warm({}, 3);
  const std::string whole = text_of(chat(body));
  json streamed = body;
  streamed.update({{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  const Reply reply = chat(streamed);
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
  const std::vector<json> events = events_of(reply.body);
  ASSERT_GT(events.size(), 4U) << reply.body;
  EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  int finished = 0;
  for (const json& event : events) {
    EXPECT_EQ(event["object"], "chat.completion.chunk");
    EXPECT_EQ(event["id"], events.front()["id"]);
    if (event["choices"].empty()) continue;
    text += event["choices"][0]["delta"].value("content", "");
    if (!event["choices"][0]["finish_reason"].is_null()) ++finished;
  }
  EXPECT_EQ(text, whole);
  EXPECT_EQ(finished, 1);
  EXPECT_TRUE(events.back()["choices"].empty());
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], 24);
  EXPECT_EQ(events[events.size() - 2]["timings"]["predicted_n"], 24);
}

TEST_F(ServerChatTest, WithoutIncludeUsageThereIsNone) {
  for (const json& event : events_of(chat(warm({{"stream", true}}, 3)).body))
    EXPECT_FALSE(event.contains("usage"));
}

TEST_F(ServerChatTest, SeedsAndSeveralAnswers) {
  const json several = chat(warm({{"n", 3}}, 50)).value();
  ASSERT_EQ(several["choices"].size(), 3U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(several["choices"][i]["index"], i);
    EXPECT_EQ(several["choices"][i]["message"]["content"], text_of(chat(warm({}, 50 + i)))) << i;
  }
  EXPECT_NE(several["choices"][0], several["choices"][1]);
  EXPECT_EQ(several["usage"]["completion_tokens"], 72);
  std::vector<std::string> texts(3);
  for (const json& event : events_of(chat(warm({{"n", 3}, {"stream", true}}, 50)).body))
    texts[event["choices"][0]["index"]] += event["choices"][0]["delta"].value("content", "");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(texts[i], several["choices"][i]["message"]["content"]);
}

TEST_F(ServerChatTest, StopStringsAndLimits) {
  EXPECT_EQ(text_of(chat({{"temperature", 0}})), "A panda eats bamboo 🐼!");
  EXPECT_EQ(text_of(chat({{"temperature", 0}, {"stop", " eats"}})), "A panda");
  const Reply stopped = chat({{"temperature", 0}, {"stop", {"zebra", " bamboo"}}});
  EXPECT_EQ(text_of(stopped), "A panda eats");
  EXPECT_EQ(stopped.value()["choices"][0]["finish_reason"], "stop");
  for (const char* key : {"max_tokens", "max_completion_tokens", "n_predict"}) {
    const Reply cut = chat({{"temperature", 0}, {key, 2}});
    EXPECT_EQ(cut.value()["usage"]["completion_tokens"], 2) << key;
    EXPECT_EQ(cut.value()["choices"][0]["finish_reason"], "length");
  }
  EXPECT_EQ(text_of(chat({{"top_p", 0}, {"max_tokens", -1}})), "A panda eats bamboo 🐼!");
}

TEST_F(ServerChatTest, AnAnswerOfAFixedLength) {
  const json fixed{{"temperature", 0}, {"ignore_eos", true}, {"max_tokens", 40}};
  const Reply reply = chat(fixed);
  EXPECT_EQ(reply.value()["usage"]["completion_tokens"], 40);
  EXPECT_EQ(reply.value()["choices"][0]["finish_reason"], "length");
  EXPECT_THAT(text_of(reply), StartsWith("A panda eats bamboo 🐼!\n### "))
      << "the protocol's stop string is text";
  json stopped = fixed;
  stopped["stop"] = " bamboo";
  EXPECT_EQ(text_of(chat(stopped)), "A panda eats") << "the request's own still ends it";
  json raw = fixed;
  raw["prompt"] = "### Human: What is it?\n### Assistant:";
  EXPECT_EQ(post("/v1/completions", raw).value()["usage"]["completion_tokens"], 40);
  EXPECT_THAT(refused({{"ignore_eos", "yes"}}), HasSubstr("ignore_eos"));
}

TEST_F(ServerChatTest, AConversationGoesOnFromWhatHasBeenEvaluated) {
  json messages = {{{"role", "user"},
                    {"content", {picture_part(), {{"type", "text"}, {"text", "What is it?"}}}}}};
  const json first = chat({{"messages", messages}, {"temperature", 0}}).value();
  messages.push_back(
      {{"role", "assistant"}, {"content", first["choices"][0]["message"]["content"]}});
  messages.push_back({{"role", "user"}, {"content", "And what does it eat?"}});
  const json second = chat({{"messages", messages}, {"temperature", 0}}).value();
  EXPECT_GE(second["usage"]["prompt_tokens_details"]["cached_tokens"],
            first["usage"]["prompt_tokens"]);
  EXPECT_EQ(second["timings"]["inputs_cached_n"], 1) << "the picture isn't encoded again";
}

TEST_F(ServerChatTest, MessagesBecomeTheProtocol) {
  const auto prompt = [this](const json& messages, const json& later_inputs = nullptr) {
    const Reply reply =
        post("/apply-template", {{"messages", messages}, {"later_inputs", later_inputs}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.value()["prompt"].get<std::string>();
  };
  const std::string marker = get("/props").value()["media_marker"];
  EXPECT_EQ(prompt({{{"role", "system"}, {"content", "Be brief."}},
                    {{"role", "user"}, {"content", "Hi"}}}),
            "### Human: Be brief.\nHi\n### Assistant:");
  const json two_pictures = {{{"role", "user"},
                              {"content",
                               {{{"type", "text"}, {"text", "What"}},
                                picture_part(),
                                {{"type", "text"}, {"text", "is it?"}}}}},
                             {{"role", "assistant"}, {"content", "A cat."}},
                             {{"role", "developer"}, {"content", "Now in French."}},
                             {{"role", "user"}, {"content", "And?"}},
                             {{"role", "user"}, {"content", {picture_part()}}}};
  const std::string first = "What\nis it?\n### Assistant: A cat.\n###";
  const std::string second = "</Img> Now in French.\nAnd?\n### Assistant:";
  EXPECT_EQ(prompt(two_pictures, "keep"),
            "### Human: <Img>" + marker + "</Img> " + first + " Human: <Img>" + marker + second);
  EXPECT_EQ(prompt(two_pictures, nullptr),
            "### Human: " + first + "<|im_start|>### Human: <Img>" + marker + second)
      << "the first picture has gone, its turn's text stays";
}

/// A conversation with a photo a turn, and made-up answers.
json photo_a_turn(const std::vector<std::string>& photos) {
  json messages = json::array();
  for (const std::string& photo : photos) {
    if (!messages.empty()) messages.push_back({{"role", "assistant"}, {"content", "A panda."}});
    messages.push_back(
        {{"role", "user"},
         {"content",
          {picture_part("images/" + photo), {{"type", "text"}, {"text", "And this?"}}}}});
  }
  return messages;
}

TEST_F(ServerChatTest, TheNewestPhotoReplacesTheEarlierOnes) {
  const std::string cat = "photo_chelsea.jpg", cup = "photo_coffee.jpg";
  const auto ask = [&](const json& messages, const json& later_inputs) {
    return chat({{"messages", messages}, {"later_inputs", later_inputs}, {"temperature", 0}})
        .value();
  };
  const auto cached = [](const json& answer) {
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"].get<int>();
  };
  const json first = ask(photo_a_turn({cat}), nullptr);
  const json second = ask(photo_a_turn({cat, cup}), nullptr);
  EXPECT_EQ(second["timings"]["inputs_n"], 1) << "the first photo isn't even encoded";
  EXPECT_LT(cached(second), first["usage"]["prompt_tokens"].get<int>())
      << "the first turn has no photo any more";

  // The prompt is that of a conversation that never had the first photo.
  json only_cup = photo_a_turn({cat, cup});
  only_cup[0]["content"] = "And this?";
  const json same = ask(only_cup, nullptr);
  EXPECT_EQ(same["usage"]["prompt_tokens"], second["usage"]["prompt_tokens"]);
  EXPECT_EQ(cached(same), same["usage"]["prompt_tokens"].get<int>() - 1);

  // A question without a photo is about the newest one, and nothing before it is evaluated anew.
  json third = photo_a_turn({cat, cup});
  third.push_back({{"role", "assistant"}, {"content", second["choices"][0]["message"]["content"]}});
  third.push_back({{"role", "user"}, {"content", "Where is it?"}});
  EXPECT_GE(cached(ask(third, nullptr)), second["usage"]["prompt_tokens"].get<int>());

  const json kept = ask(photo_a_turn({cat, cup}), "keep");
  EXPECT_EQ(kept["timings"]["inputs_n"], 2);
  EXPECT_GT(kept["usage"]["prompt_tokens"], second["usage"]["prompt_tokens"]);
  EXPECT_THAT(refused({{"later_inputs", "both"}}),
              HasSubstr("'later_inputs' must be replace or keep"));
  EXPECT_THAT(refused({{"later_inputs", 1}}), HasSubstr("later_inputs"));
}

TEST_F(ServerChatTest, PhotosThatAreReplacedDontCount) {
  ServerOptions with = options();
  with.limits.max_parts = 2;
  start(with);
  const std::string cat = "photo_chelsea.jpg";
  json body{{"messages", photo_a_turn({cat, cat, cat, cat})}, {"max_tokens", 1}};
  EXPECT_EQ(chat(body).status, 200);
  body["later_inputs"] = "keep";
  EXPECT_THAT(refused(body), HasSubstr("more than 2 inputs"));
  body["later_inputs"] = "replace";
  json& content = body["messages"].back()["content"];
  content.push_back(picture_part());
  EXPECT_EQ(chat(body).status, 200);
  content.push_back(picture_part());
  EXPECT_THAT(refused(body), HasSubstr("more than 2 inputs"));
}

TEST_F(ServerChatTest, WhatBecomesOfLaterInputsIsTheServersToSay) {
  EXPECT_EQ(get("/props").value()["later_inputs"], "replace");
  ServerOptions with = options();
  with.panda.later_inputs = LaterInputs::kKeep;
  start(with);
  EXPECT_EQ(get("/props").value()["later_inputs"], "keep");
  const json body{{"messages", photo_a_turn({"photo_chelsea.jpg", "photo_coffee.jpg"})},
                  {"max_tokens", 1}};
  EXPECT_EQ(chat(body).value()["timings"]["inputs_n"], 2);
}

TEST_F(ServerChatTest, FaultsNameTheirField) {
  const auto with = [](json messages) { return json{{"messages", std::move(messages)}}; };
  EXPECT_THAT(refused({{"messages", nullptr}}), HasSubstr("'messages' is missing"));
  EXPECT_THAT(refused(with(json::array())), HasSubstr("must be one of the user"));
  EXPECT_THAT(refused(with({{{"role", "robot"}, {"content", ""}}})), HasSubstr("messages[0].role"));
  EXPECT_THAT(refused(with({{{"role", "assistant"}, {"content", "x"}}})),
              HasSubstr("must be one of the user"));
  EXPECT_THAT(refused(with({{{"role", "user"}, {"content", 3}}})),
              HasSubstr("messages[0].content"));
  EXPECT_THAT(refused(with({{{"role", "user"}, {"content", {{{"type", "smell"}}}}}})),
              HasSubstr("messages[0].content[0].type"));
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, json>>{{"temperature", -1},
                                                 {"temperature", "hot"},
                                                 {"top_p", 1.5},
                                                 {"top_k", -2},
                                                 {"min_p", 2},
                                                 {"n", 0},
                                                 {"n", 1000},
                                                 {"n_beams", 0},
                                                 {"n_beams", 17},
                                                 {"n_draft", -1},
                                                 {"use_beam_search", true},
                                                 {"max_tokens", 1.5},
                                                 {"seed", "x"},
                                                 {"stop", 5},
                                                 {"stop", {""}},
                                                 {"stop", json::array({3})},
                                                 {"stream", "yes"},
                                                 {"ignore_eos", 1.5},
                                                 {"stream_options", 3},
                                                 {"repeat_penalty", 0},
                                                 {"logprobs", true},
                                                 {"tools", {{{"type", "function"}}}},
                                                 {"response_format", {{"type", "json_object"}}},
                                                 {"logit_bias", {{"5", 1}}}})
    EXPECT_THAT(refused({{key, value}}), HasSubstr(key)) << value;
  const json error = chat({{"top_p", 7}}).value()["error"];
  EXPECT_EQ(error["param"], "top_p");
  EXPECT_EQ(error["type"], "invalid_request_error");
  // What changes nothing is taken.
  EXPECT_EQ(chat({{"logprobs", false},
                  {"tools", json::array()},
                  {"user", "me"},
                  {"n", nullptr},
                  {"response_format", {{"type", "text"}}},
                  {"unknown", 1},
                  {"max_tokens", 1}})
                .status,
            200);
}

TEST_F(ServerChatTest, TooLongConversationsSaySo) {
  const Reply reply =
      chat({{"messages", {{{"role", "user"}, {"content", std::string(3000, 'z')}}}}});
  EXPECT_EQ(reply.status, 400);
  const json error = reply.value()["error"];
  EXPECT_EQ(error["type"], "exceed_context_size_error");
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["n_ctx"], 512);
  EXPECT_GT(error["n_prompt_tokens"], 512);
  // The words by which LangChain and LiteLLM know it.
  EXPECT_THAT(reply.error(), testing::AllOf(HasSubstr("prompt is too long"), HasSubstr("512"),
                                            HasSubstr("exceeds the available context size")));
}

TEST_F(ServerChatTest, TextAndNativeCompletions) {
  const Reply text = post(
      "/v1/completions",
      {{"prompt", "### Human: What is it?\n### Assistant:"}, {"temperature", 0}, {"stop", "###"}});
  EXPECT_EQ(text.status, 200) << text.body;
  EXPECT_EQ(text.value()["object"], "text_completion");
  EXPECT_EQ(text.value()["choices"][0]["text"], "A panda eats bamboo 🐼!");
  EXPECT_EQ(post("/v1/completions", {{"prompt", {"a", "b"}}}).status, 400);

  const std::string marker = get("/props").value()["media_marker"];
  const std::string bytes = fixture_bytes("images/exif1_jpg.jpg");
  const json prompt{
      {"prompt_string", "### Human: <Img>" + marker + "</Img> What?\n### Assistant:"},
      {"multimodal_data",
       {base64({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()})}}};
  const Reply native = post("/completion", {{"prompt", prompt}, {"n_predict", 4}});
  EXPECT_EQ(native.status, 200) << native.body;
  EXPECT_EQ(native.value()["tokens_predicted"], 4);
  EXPECT_EQ(native.value()["stop"], true);
  EXPECT_EQ(native.value()["stop_type"], "limit");
  json wrong = prompt;
  wrong["multimodal_data"] = json::array();
  EXPECT_THAT(post("/completion", {{"prompt", wrong}}).error(), HasSubstr("markers"));
}

TEST_F(ServerChatTest, PandaMiniAnswersAsTheLibraryDoes) {
  const std::filesystem::path folder =
      std::filesystem::path(PANDAGPT_SOURCE_DIR) / "models" / "panda-mini";
  if (!std::filesystem::exists(folder / "llm.gguf"))
    GTEST_SKIP() << "scripts/setup.sh has not fetched panda-mini's weights";
  const Panda panda(folder.string(), {.n_threads = 1});
  const std::vector<std::string> photos{"photo_chelsea.jpg", "photo_coffee.jpg"};
  GenerateOptions greedy;
  greedy.greedy = true;
  greedy.max_tokens = 24;
  std::vector<std::string> wanted;
  for (const std::string& photo : photos) {
    Inputs inputs;
    inputs.add_file(Modality::kImage,
                    (std::filesystem::path(PANDAGPT_FIXTURES) / "images" / photo).string());
    wanted.push_back(panda.ask(inputs, "What is in the picture?", greedy).text);
  }
  ServerOptions with = options();
  with.model = folder.string();
  with.n_slots = 4;
  start(with);
  const auto ask = [&](std::size_t i) {
    return chat({{"temperature", 0},
                 {"max_tokens", 24},
                 {"messages",
                  {{{"role", "user"},
                    {"content",
                     {picture_part("images/" + photos[i]),
                      {{"type", "text"}, {"text", "What is in the picture?"}}}}}}}});
  };
  for (std::size_t i = 0; i < photos.size(); ++i)
    EXPECT_EQ(text_of(ask(i)), wanted[i]);
  std::vector<std::thread> clients;
  std::vector<std::string> answers(4);
  for (std::size_t i = 0; i < answers.size(); ++i)
    clients.emplace_back([&, i] { answers[i] = text_of(ask(i % 2)); });
  for (std::thread& client : clients)
    client.join();
  // With an adapter at run time llama.cpp multiplies one row by another kernel than several, so
  // that words of equal standing may change places (docs/serving.md).
  for (const std::string& answer : answers)
    EXPECT_NE(answer, "");
  EXPECT_EQ(metric("answers_finished_total"), 6);
}

}  // namespace
}  // namespace pandagpt
