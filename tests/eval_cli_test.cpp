// `pandagpt eval all` as a whole, on a model of six senses and text that is made here: the towers
// of the tiny ImageBind, and a language model that answers everything with one sentence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "imagebind_cli_support.h"
#include "pipeline/manifest.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::example;
using test::Outcome;
using test::read_text;
using test::write_text;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

const fs::path kFixtures = PANDAGPT_FIXTURES;
// The answer is "A panda eats bamboo" (cli_test.cpp).
constexpr const char* kSynonyms =
    R"({"bear": ["panda", "bear"], "plant": ["bamboo"], "dog": ["dog"]})";
const std::vector<std::string> kPhotos = {"exif1_jpg.jpg", "photo_chelsea.jpg", "photo_coffee.jpg",
                                          "png_rgb.png"};

class EvalCliTest : public test::ImageBindCliFixture {
 protected:
  void SetUp() override {
    test::ImageBindCliFixture::SetUp();
    make_model();
    write_text(folder_ / "synonyms.json", kSynonyms);
  }

  void make_model() {
    fs::create_directories(model());
    for (const char* name : {"llm.gguf", "adapter.gguf"})
      fs::copy_file(kFixtures / "tiny-panda" / name, model() / name);
    fs::copy_file(encoders(), model() / "encoders.gguf");
    const auto n_in = static_cast<std::uint32_t>(test::tiny_config(TowerKind::kVision).n_embd);
    const std::uint32_t n_embd = GgufFile(model() / "llm.gguf").get_u32("llama.embedding_length");
    GgufWriter projector;
    set_projector_metadata(&projector, {.n_image_tokens = 1, .n_in = n_in, .n_embd = n_embd});
    projector.add_f32(projector_keys::kWeight, {n_in, n_embd},
                      std::vector<float>(std::size_t{n_in} * n_embd, 0.01F));
    projector.add_f32(projector_keys::kBias, {n_embd}, std::vector<float>(n_embd));
    projector.write(model() / "projector.gguf");
    Json manifest = Json::parse(read_text(kFixtures / "tiny-panda" / "panda.json"));
    manifest["embedding_width"] = n_in;
    write_text(model() / "panda.json", manifest.dump());
    record_hashes(model());
  }

  fs::path model() const { return folder_ / "panda"; }
  fs::path report() const { return folder_ / "report.json"; }
  static std::string photo_path(std::size_t i) {
    return (kFixtures / "images" / kPhotos[i]).string();
  }

  void write_lines(const char* name, const std::vector<Json>& rows) const {
    std::string lines;
    for (const Json& row : rows)
      lines += row.dump() + "\n";
    write_text(folder_ / name, lines);
  }

  Outcome evaluate(const Json& tasks, Arguments more = {}) const {
    Json set = tasks;
    set["name"] = "test set";
    write_text(folder_ / "eval.json", set.dump());
    if (std::ranges::find(more, "--model") == more.end())
      more.insert(more.end(), {"--model", model().string()});
    more.insert(more.begin(), {"eval", "all", "--data", folder_.path().string(), "--threads", "1",
                               "--out", report().string()});
    return run(more);
  }

  /// Of the task at `index`, by name.
  std::map<std::string, Json> figures(std::size_t index) const {
    std::map<std::string, Json> found;
    const Json whole = Json::parse(read_text(report()));
    for (const Json& figure : whole["tasks"][index]["figures"])
      found[figure["name"]] = figure;
    return found;
  }

  std::vector<Json> output_of(Arguments arguments) const {
    arguments.insert(arguments.begin() + 1, {"--model", model().string(), "--threads", "1"});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<Json> lines;
    std::istringstream in(outcome.out);
    for (std::string line; std::getline(in, line);)
      lines.push_back(Json::parse(line));
    return lines;
  }
};

TEST_F(EvalCliTest, ZeroShotChoosesWhatClassifyDoes) {
  const std::vector<std::string> labels{"bell", "rain", "dog"};
  const std::vector<std::string> sounds{example("bell.wav"),
                                        (kFixtures / "audio" / "pcm_16.wav").string(),
                                        (kFixtures / "audio" / "float.wav").string()};
  write_lines("sounds.jsonl", {{{"audio", sounds[0]}, {"label", "bell"}},
                               {{"audio", sounds[1]}, {"label", "rain"}},
                               {{"audio", sounds[2]}, {"label", "dog"}}});
  const Outcome outcome = evaluate({{"zero_shot",
                                     {{{"name", "sounds"},
                                       {"pairs", "sounds.jsonl"},
                                       {"templates", {"the sound of a {}", "a {}"}},
                                       {"aim", 0.01}}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  Arguments classify{"classify",          "--labels",   "bell,rain,dog", "--template",
                     "the sound of a {}", "--template", "a {}",          "--json"};
  for (const std::string& sound : sounds)
    classify.insert(classify.end(), {"--audio", sound});
  const std::vector<Json> chosen = output_of(classify);
  ASSERT_EQ(chosen.size(), 3U);
  std::map<std::pair<std::string, std::string>, int> expected, counts;
  int n_right = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    ++expected[{labels[i], chosen[i]["labels"][0]["label"]}];
    n_right += chosen[i]["labels"][0]["label"] == labels[i];
  }
  const Json task = Json::parse(read_text(report()))["tasks"][0];
  for (const Json& one : task["confusions"])
    counts[{one["right"], one["chosen"]}] = one["count"];
  EXPECT_EQ(counts, expected);
  EXPECT_NEAR(figures(0).at("top-1")["value"].get<double>(), n_right / 3.0, 1e-12);
  EXPECT_EQ(figures(0).at("top-1")["aim"], 0.01);
}

TEST_F(EvalCliTest, RetrievalRanksByTheCosineOfEmbeddings) {
  const std::vector<std::vector<std::string>> captions{
      {"a panda", "a bear in a tree"}, {"rain on a roof"}, {"two dogs", "dogs"}, {"a cup of tea"}};
  std::vector<Json> rows;
  Arguments embed{"embed", "--normalize"};
  for (std::size_t i = 0; i < captions.size(); ++i) {
    rows.push_back({{"image", photo_path(i)}, {"text", captions[i]}});
    embed.insert(embed.end(), {"--image", photo_path(i)});
  }
  std::vector<std::size_t> photo_of;
  for (std::size_t i = 0; i < captions.size(); ++i)
    for (const std::string& caption : captions[i]) {
      embed.insert(embed.end(), {"--text", caption});
      photo_of.push_back(i);
    }
  write_lines("photos.jsonl", rows);
  const Outcome outcome =
      evaluate({{"retrieval", {{{"name", "photos"}, {"pairs", "photos.jsonl"}}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::vector<double>> embeddings;
  for (const Json& line : output_of(embed))
    embeddings.push_back(line["embedding"]);
  const auto cosine = [&](std::size_t photo, std::size_t text) {
    const std::vector<double>&a = embeddings[photo], &b = embeddings[captions.size() + text];
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  int n_found = 0;
  for (std::size_t text = 0; text < photo_of.size(); ++text) {
    std::size_t best = 0;
    for (std::size_t photo = 1; photo < captions.size(); ++photo)
      if (cosine(photo, text) > cosine(best, text)) best = photo;
    n_found += best == photo_of[text];
  }
  const std::map<std::string, Json> found = figures(0);
  EXPECT_NEAR(found.at("text -> image R@1")["value"].get<double>(),
              static_cast<double>(n_found) / static_cast<double>(photo_of.size()), 1e-12);
  EXPECT_EQ(found.at("text -> image R@5")["value"], 1) << "there are four photos";
  EXPECT_EQ(found.at("text -> image R@1")["n"], photo_of.size());
  EXPECT_EQ(found.at("image -> text R@10")["value"], 1);
}

TEST_F(EvalCliTest, CaptionFiguresAreThoseOfEvalCaption) {
  Json photos = Json::array();
  for (std::size_t i = 0; i < 3; ++i)
    photos.push_back({{"image_name", kPhotos[i]},
                      {"captions", {i == 1 ? "A panda eats bamboo." : "A dog eats a fish."}}});
  write_text(folder_ / "captions.json", photos.dump());
  const std::string images = (kFixtures / "images").string();
  const Outcome outcome =
      evaluate({{"captioning",
                 {{{"name", "photos"},
                   {"data", "captions.json"},
                   {"images", images},
                   {"question", "What is it?"},
                   {"max_tokens", 40}}}}},
               {"--html", (folder_ / "page.html").string(), "--seed", "5", "--embed-images"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const fs::path single = folder_ / "single.json";
  ASSERT_EQ(run({"eval", "caption", "--model", model().string(), "--threads", "1", "--data",
                 (folder_ / "captions.json").string(), "--images", images, "--question",
                 "What is it?", "--max-tokens", "40", "--seed", "5", "--out", single.string()})
                .code,
            0);
  const Json metrics = Json::parse(read_text(single))["metrics"];
  for (const char* name : {"BLEU-4", "ROUGE-L", "CIDEr-D"}) {
    EXPECT_EQ(figures(0).at(name)["value"], metrics[name]["value"]) << name;
    EXPECT_EQ(figures(0).at(name)["high"], metrics[name]["high"]) << name;
  }
  EXPECT_GT(metrics["ROUGE-L"]["value"], 0.3) << "the answer is scored at all";
  const std::string page = read_text(folder_ / "page.html");
  EXPECT_THAT(page, HasSubstr("A panda eats bamboo"));
  EXPECT_THAT(page, HasSubstr("src=\"data:image/jpeg;base64,"));
  EXPECT_THAT(page, Not(HasSubstr(folder_.path().string() + "/captions"))) << "a machine's path";
}

TEST_F(EvalCliTest, AnswersCompositionsAndTextAreJudgedByWhatTheyName) {
  write_lines("answers.jsonl", {{{"image", photo_path(0)}, {"label", "bear"}},
                                {{"image", photo_path(1)}, {"label", "bear"}},
                                {{"image", photo_path(2)}, {"label", "plant"}},
                                {{"image", photo_path(3)}, {"label", "dog"}}});
  write_lines(
      "both.jsonl",
      {{{"image", photo_path(0)}, {"audio", example("bell.wav")}, {"names", {"bear", "plant"}}},
       {{"image", photo_path(1)}, {"audio", example("bell.wav")}, {"names", {"bear", "dog"}}}});
  write_text(folder_ / "questions.json", R"([{"question": "Who?", "accept": ["pandas", "panda"]},
      {"question": "Where?", "accept": ["paris"]}, {"question": "Write."}])");
  const Outcome outcome = evaluate({{"answers",
                                     {{{"name", "photos"},
                                       {"pairs", "answers.jsonl"},
                                       {"question", "What is it?"},
                                       {"synonyms", "synonyms.json"}}}},
                                    {"composition",
                                     {{{"name", "both"},
                                       {"pairs", "both.jsonl"},
                                       {"question", "What?"},
                                       {"synonyms", "synonyms.json"}}}},
                                    {"text_only", {{"questions", "questions.json"}}}});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::map<std::string, Json> found = figures(0);
  EXPECT_EQ(found.at("right class named")["value"], 0.75);
  EXPECT_EQ(found.at("right class named and no other")["value"], 0) << "bear and plant are named";
  EXPECT_EQ(found.at("classes named in an answer")["value"], 2);
  found = figures(1);
  EXPECT_EQ(found.at("all named")["value"], 0.5);
  EXPECT_EQ(found.at("image named")["value"], 1);
  EXPECT_EQ(found.at("audio named")["value"], 0.5);
  EXPECT_EQ(found.at("audio named when alone")["value"], 0.5);
  found = figures(2);
  EXPECT_EQ(found.at("right")["value"], 0.5);
  EXPECT_EQ(found.at("right")["n"], 2) << "the third question has no right answer";
  EXPECT_TRUE(found.contains("right without the adapter"));
  const Json text = Json::parse(read_text(report()))["tasks"][2]["answers"];
  EXPECT_EQ(text.size(), 3U);
  EXPECT_TRUE(text[0].contains("answer_without_adapter"));
  EXPECT_FALSE(text[2].contains("right"));
}

TEST_F(EvalCliTest, WhatTheModelHasNoTowerForIsSkipped) {
  write_lines("sounds.jsonl", {{{"audio", example("bell.wav")}, {"label", "bear"}}});
  write_lines("photos.jsonl", {{{"image", photo_path(0)}, {"label", "bear"}}});
  const auto entry = [](const char* name, const char* pairs) {
    return Json{{"name", name}, {"pairs", pairs}, {"question", "?"}, {"synonyms", "synonyms.json"}};
  };
  const Json tasks{{"zero_shot", {entry("zero-shot sounds", "sounds.jsonl")}},
                   {"answers", {entry("sounds", "sounds.jsonl"), entry("photos", "photos.jsonl")}}};
  const Outcome outcome = evaluate(tasks, {"--model", "tiny-panda"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("skipped: no audio tower"));
  const Json done = Json::parse(read_text(report()))["tasks"];
  EXPECT_EQ(done[0]["status"], "skipped");
  EXPECT_EQ(done[1]["status"], "skipped");
  EXPECT_EQ(done[2]["status"], "done");

  const Outcome none = evaluate(tasks, {"--model", "tiny-panda", "--only", "sounds"});
  EXPECT_EQ(none.code, 4);
  EXPECT_THAT(none.err, HasSubstr("can do none of the tasks"));
  const Outcome alone = evaluate(tasks, {"--model", encoders(), "--only", "answers"});
  EXPECT_EQ(alone.code, 4) << "an encoders file answers nothing";
  EXPECT_EQ(evaluate(tasks, {"--model", encoders(), "--only", "zero_shot"}).code, 0);
}

TEST_F(EvalCliTest, FaultyListsAreToldBeforeAModelIsOpened) {
  const auto refused = [&](const Json& tasks, const Arguments& more = {}) {
    Arguments arguments{"--model", "no such model"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = evaluate(tasks, arguments);
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_FALSE(fs::exists(report()));
    return outcome;
  };
  write_lines("photos.jsonl", {{{"image", photo_path(0)}, {"label", "bear"}},
                               {{"image", "gone.jpg"}, {"label", "bear"}}});
  const Json gone{{"zero_shot", {{{"name", "photos"}, {"pairs", "photos.jsonl"}}}}};
  Outcome outcome = refused(gone);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("gone.jpg, which isn't there"));
  EXPECT_EQ(refused({{"retrieval", {{{"name", "r"}, {"pairs", "none.jsonl"}}}}}).code, 3);

  write_lines("photos.jsonl", {{{"image", photo_path(0)}, {"label", "cat"}}});
  outcome = refused({{"answers",
                      {{{"name", "a"},
                        {"pairs", "photos.jsonl"},
                        {"question", "?"},
                        {"synonyms", "synonyms.json"}}}}});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("the class \"cat\" is missing"));
  outcome = refused(
      {{"zero_shot", {{{"name", "z"}, {"pairs", "photos.jsonl"}, {"labels", {"dog", "bear"}}}}}});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("the label \"cat\" is missing in \"labels\" of z"));
  outcome =
      refused({{"zero_shot", {{{"name", "z"}, {"pairs", "photos.jsonl"}}}}}, {"--only", "answers"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(run({"eval", "all", "--data", (folder_ / "nowhere").string()}).code, 3);
}

TEST_F(EvalCliTest, AnUnreadableInputIsLeftOutTwoEndTheTaskAlone) {
  write_text(folder_ / "broken.jpg", "not a picture");
  write_text(folder_ / "broken2.jpg", "nor this");
  const Json good{{"image", photo_path(0)}, {"label", "bear"}};
  const Json broken{{"image", "broken.jpg"}, {"label", "bear"}};
  const Json other{{"image", "broken2.jpg"}, {"label", "dog"}};
  const Json tasks{{"zero_shot", {{{"name", "z"}, {"pairs", "photos.jsonl"}}}},
                   {"answers",
                    {{{"name", "a"},
                      {"pairs", "photos.jsonl"},
                      {"question", "?"},
                      {"synonyms", "synonyms.json"}}}},
                   {"text_only", {{"questions", "q.json"}}}};
  write_text(folder_ / "q.json", R"([{"question": "Who?", "accept": ["panda"]}])");
  write_lines("photos.jsonl", {good, broken, good});
  const Outcome one = evaluate(tasks);
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("left out as unreadable: 1"));
  for (const std::size_t task : {0U, 1U}) {
    const Json unreadable = Json::parse(read_text(report()))["tasks"][task]["unreadable"];
    ASSERT_EQ(unreadable.size(), 1U);
    EXPECT_THAT(unreadable[0].get<std::string>(), HasSubstr("broken.jpg"));
  }
  EXPECT_EQ(figures(0).at("top-1")["n"], 2);
  EXPECT_EQ(figures(1).at("right class named")["n"], 2);

  write_lines("photos.jsonl", {good, broken, other});
  const Outcome two = evaluate(tasks);
  EXPECT_EQ(two.code, 3);
  EXPECT_THAT(two.err, HasSubstr("2 of 3 inputs can't be read"));
  const Json report_of_two = Json::parse(read_text(report()))["tasks"];
  EXPECT_EQ(report_of_two[0]["status"], "failed");
  EXPECT_EQ(report_of_two[2]["status"], "done") << "the others aren't lost";
}

TEST_F(EvalCliTest, TheSameSeedAndLimitGiveTheSameReport) {
  std::vector<Json> rows;
  for (std::size_t i = 0; i < kPhotos.size(); ++i)
    rows.push_back({{"image", photo_path(i)}, {"text", {"photo " + std::to_string(i)}}});
  write_lines("photos.jsonl", rows);
  const Json tasks{{"retrieval", {{{"name", "photos"}, {"pairs", "photos.jsonl"}}}}};
  const auto figures_with = [&](const Arguments& more) {
    EXPECT_EQ(evaluate(tasks, more).code, 0);
    return Json::parse(read_text(report()))["tasks"][0]["figures"];
  };
  const Json first = figures_with({"--limit", "3", "--rounds", "50", "--seed", "7"});
  EXPECT_EQ(first, figures_with({"--limit", "3", "--rounds", "50", "--seed", "7"}));
  EXPECT_EQ(first[0]["n"], 3);
  EXPECT_THAT(Json::parse(read_text(report()))["command"].get<std::string>(),
              HasSubstr("--limit 3 --rounds 50 --seed 7"));
}

}  // namespace
}  // namespace pandagpt
