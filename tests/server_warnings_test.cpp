// What answers say about their inputs beside the text.
#include <filesystem>
#include <fstream>

#include "pipeline/manifest.h"
#include "server_support.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::events_of;
using test::picture_part;
using test::Reply;
using test::ServerTest;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

json question(const std::string& text) {
  return {{"role", "user"}, {"content", text}};
}

json question_about(json part, const std::string& text) {
  return {{"role", "user"}, {"content", {std::move(part), {{"type", "text"}, {"text", text}}}}};
}

/// A grey picture of 8 x 8 pixels, as a PGM's likeness in BMP.
json grey_picture() {
  constexpr std::size_t kHeader = 54;
  std::string bytes(kHeader + 8 * 8 * 3, '\x80');
  std::fill_n(bytes.begin(), kHeader, '\0');
  bytes[0] = 'B';
  bytes[1] = 'M';
  bytes[2] = static_cast<char>(bytes.size());
  bytes[10] = static_cast<char>(kHeader);
  bytes[14] = 40;
  bytes[18] = bytes[22] = 8;
  bytes[26] = 1;
  bytes[28] = 24;
  return {{"type", "image_url"}, {"image_url", {{"url", test::data_address(bytes, "image/bmp")}}}};
}

/// The text of all pieces.
std::string text_of_stream(const std::vector<json>& events) {
  std::string text;
  for (const json& event : events)
    for (const json& choice : event["choices"])
      text += choice["delta"].value("content", "");
  return text;
}

class ServerWarningsTest : public ServerTest {
 protected:
  json warnings_of(const json& messages) {
    const Reply reply = chat({{"messages", messages}, {"max_tokens", 2}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.value().value("warnings", json::array());
  }
};

TEST_F(ServerWarningsTest, QuestionsWithoutTheInputThatTheyAreAbout) {
  const json lacking = warnings_of(json::array({question("What is in the picture?")}));
  ASSERT_EQ(lacking.size(), 1U);
  EXPECT_THAT(lacking[0].get<std::string>(), HasSubstr("about a picture, but none was given"));
  EXPECT_EQ(warnings_of(json::array({question("What is the capital of France?")})).size(), 0U);
  const json earlier = {question_about(picture_part(), "Hello"),
                        {{"role", "assistant"}, {"content", "Hi"}},
                        question("What is in the picture?")};
  EXPECT_EQ(warnings_of(earlier).size(), 0U) << "it has been given before";
  const json instructed = {{{"role", "system"}, {"content", "Describe the image in French."}},
                           question("Hello")};
  EXPECT_EQ(warnings_of(instructed).size(), 0U) << "the user doesn't ask for it";
}

TEST_F(ServerWarningsTest, InputsWithoutContentAreNamedByTheirPlaceOrId) {
  const json warnings = warnings_of(json::array({question_about(grey_picture(), "Is it big?")}));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0].get<std::string>(),
              StartsWith("messages[0].content[0].image_url.url: the picture is of one colour"));
  const std::string address = grey_picture()["image_url"]["url"];
  const auto bytes = decode_base64(address.substr(address.find(',') + 1));
  const Reply stored = test::reply_of(server().client().Post(
      "/v1/files",
      httplib::MultipartFormDataItems{
          {"purpose", "vision", "", ""},
          {"file", std::string(bytes->begin(), bytes->end()), "grey.bmp", "image/bmp"}}));
  const std::string id = stored.value()["id"];
  const json by_id = warnings_of(json::array(
      {question_about({{"type", "image_url"}, {"image_url", {{"file_id", id}}}}, "Is it big?")}));
  ASSERT_EQ(by_id.size(), 1U);
  EXPECT_THAT(by_id[0].get<std::string>(), Not(HasSubstr("/"))) << "no path of the server";
}

TEST_F(ServerWarningsTest, StreamsHaveThemInTheirFirstPiece) {
  const Reply reply = chat({{"messages", {question("What do you hear?")}},
                            {"max_tokens", 2},
                            {"n", 2},
                            {"stream", true}});
  const std::vector<json> events = events_of(reply.body);
  ASSERT_GT(events.size(), 2U);
  EXPECT_EQ(events[0]["warnings"].size(), 1U);
  for (std::size_t i = 1; i < events.size(); ++i)
    EXPECT_FALSE(events[i].contains("warnings")) << events[i];
}

TEST_F(ServerWarningsTest, LlamaCppsCompletionAndEmbeddingsHaveThem) {
  const std::string address = grey_picture()["image_url"]["url"];
  const std::string marker = get("/props").value()["media_marker"];
  const Reply native =
      post("/completion", {{"prompt",
                            {{"prompt_string", "Look: " + marker},
                             {"multimodal_data", {address.substr(address.find(',') + 1)}}}},
                           {"n_predict", 2}});
  EXPECT_EQ(native.value()["warnings"].size(), 1U) << native.body;
  const Reply vectors = post("/v1/embeddings", {{"input", grey_picture()}});
  EXPECT_EQ(vectors.value()["warnings"].size(), 1U) << vectors.body;
}

TEST_F(ServerWarningsTest, StrangeInputsMakeAnswersUnsure) {
  const fs::path model = folder_ / "model";
  fs::copy(fs::path(PANDAGPT_FIXTURES) / "tiny-panda", model, fs::copy_options::recursive);
  GgufWriter writer;
  writer.set_str("general.architecture", "pandagpt-familiarity");
  writer.add_f32("familiarity.image.weight", {24}, std::vector<float>(24));
  writer.add_f32("familiarity.image.bias", {1}, std::vector<float>{0});
  writer.write(model / "familiarity.gguf");
  json manifest = json::parse(test::read_text(model / kManifestName));
  manifest["files"]["familiarity"] = {{"path", "familiarity.gguf"}, {"sha256", ""}};
  manifest["unsure"] = {{"image", 0.5}};  // every picture scores 0
  test::write_text(model / kManifestName, manifest.dump());
  ServerOptions with = options();
  with.model = model.string();
  start(with);

  const json about = {question_about(picture_part(), "Is it big?")};
  const Reply whole = chat({{"messages", about}});
  EXPECT_EQ(whole.value()["unsure"], true);
  EXPECT_THAT(text_of(whole), StartsWith("I am not sure; perhaps a panda"));
  const std::vector<json> events = events_of(chat({{"messages", about}, {"stream", true}}).body);
  EXPECT_EQ(events[0]["unsure"], true);
  EXPECT_EQ(text_of_stream(events), text_of(whole));
  json later = about;
  later.push_back({{"role", "assistant"}, {"content", "A panda."}});
  later.push_back(question("And where?"));
  EXPECT_FALSE(chat({{"messages", later}}).value().contains("unsure")) << "said once";
  with.panda.say_unsure = false;
  start(with);
  EXPECT_THAT(text_of(chat({{"messages", about}})), StartsWith("A panda"));
}

}  // namespace
}  // namespace pandagpt
