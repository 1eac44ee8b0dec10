// Measured facts in answers, in embeddings and in prompts.
#include <filesystem>

#include "server_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::picture_part;
using test::Reply;
using test::ServerTest;

class ServerFactsTest : public ServerTest {
 protected:
  static json about_picture() {
    return {{"messages",
             {{{"role", "user"},
               {"content", {picture_part(), {{"type", "text"}, {"text", "What is it?"}}}}}}}};
  }

  /// The tiny model, told what is measured.
  ServerOptions with_facts() const {
    const fs::path folder = folder_ / "with-facts";
    if (!fs::exists(folder)) {
      fs::copy(fs::path(PANDAGPT_FIXTURES) / "tiny-panda", folder, fs::copy_options::recursive);
      json manifest = json::parse(test::read_text(folder / "panda.json"));
      manifest["facts"] = true;
      test::write_text(folder / "panda.json", manifest.dump());
    }
    ServerOptions with = options();
    with.model = folder.string();
    return with;
  }
};

TEST_F(ServerFactsTest, OnRequestBesideTheTimings) {
  json body = about_picture();
  EXPECT_FALSE(chat(body).value().contains("facts"));
  body["facts"] = false;
  EXPECT_FALSE(chat(body).value().contains("facts"));
  body["facts"] = true;
  const json facts = chat(body).value().at("facts");
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0]["modality"], "image");
  EXPECT_EQ(facts[0]["format"]["value"], "JPEG");
  EXPECT_EQ(facts[0]["measured"],
            "Measured: " + facts[0]["size"]["value"].get<std::string>() + " pixels.");
  EXPECT_EQ(refused({{"facts", "yes"}}), "'facts' must be true or false");
}

TEST_F(ServerFactsTest, AQuestionWithoutInputsHasNone) {
  EXPECT_EQ(chat({{"facts", true}}).value().at("facts"), json::array());
}

TEST_F(ServerFactsTest, InAStreamWithTheTimings) {
  json body = about_picture();
  body["facts"] = true;
  body["stream"] = true;
  const Reply reply = chat(body);
  ASSERT_EQ(reply.status, 200) << reply.body;
  int n_with_facts = 0;
  for (const json& event : test::events_of(reply.body)) {
    EXPECT_EQ(event.contains("facts"), event.contains("timings"));
    n_with_facts += event.contains("facts") ? 1 : 0;
  }
  EXPECT_EQ(n_with_facts, 1);
}

TEST_F(ServerFactsTest, OfEmbeddings) {
  const json input = json::array({picture_part()});
  EXPECT_FALSE(post("/v1/embeddings", {{"input", input}}).value().contains("facts"));
  const json facts =
      post("/v1/embeddings", {{"input", input}, {"facts", true}}).value().at("facts");
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0]["modality"], "image");
}

TEST_F(ServerFactsTest, StandInThePromptWhereTheModelFolderSaysSo) {
  const std::string plain = post("/apply-template", about_picture()).value()["prompt"];
  EXPECT_EQ(plain.find("Measured"), std::string::npos);
  const json facts = [&] {
    json body = about_picture();
    body["facts"] = true;
    return chat(body).value()["facts"];
  }();
  start(with_facts());
  const std::string told = post("/apply-template", about_picture()).value()["prompt"];
  const std::string line = facts[0]["measured"].get<std::string>() + "\nWhat is it?";
  EXPECT_NE(told.find("</Img> " + line + "\n### Assistant:"), std::string::npos) << told;
  // The answer's prompt has them, too, but the client sees them on request only.
  const json answer = chat(about_picture()).value();
  EXPECT_FALSE(answer.contains("facts"));
  const json prompt = post("/tokenize", {{"content", facts[0]["measured"]}}).value()["tokens"];
  start(options());
  const json untold = chat(about_picture()).value();
  EXPECT_GE(answer["usage"]["prompt_tokens"].get<std::size_t>(),
            untold["usage"]["prompt_tokens"].get<std::size_t>() + prompt.size());
}

}  // namespace
}  // namespace pandagpt
